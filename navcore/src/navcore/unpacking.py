"""load(): from a package file, or a workspace, to a Package. Nothing is run, and no framework is imported."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path

import attrs

from navcore.contracts import Model
from navcore.domain import PackageStatus
from navcore.errors import PackageFileError, UnknownNameError, WorkspaceError
from navcore.findings import Package
from navcore.formats import Format
from navcore.plugins import load_plugins
from navcore.registry import Registry
from navcore.store.archive_read import open_archive
from navcore.store.origin import read_origin, unpacked_origin
from navcore.store.workspace import DEFAULT, MARKER, Workspace, mark, read_status

__all__ = ["load", "load_from_workspace"]

_TRUST = ("code",)


def load(path: Path | str, workspace: Path | str | None, trust: str | None, registry: Registry | None) -> Package:
    """Return what `navcore.package.load` returns."""
    trusted = _trusted(trust)
    file = _path("path", path)
    registry = registry or load_plugins()
    with _unpacked_into(workspace) as (root, keep):
        with open_archive(file) as archive:
            status = archive.status
            _check(status, file)
            origin = unpacked_origin(root, status.origin) if status.origin is not None else None
            archive.extract(root)
        _settle(root, status)
        source = _model(status, registry, None if origin is None else origin.path)
        return Package(status, root, source, registry, trusted, keep)


def load_from_workspace(workspace: Path | str | None, trust: str | None, registry: Registry | None) -> Package:
    """Return what `navcore.package.load_from_workspace` returns."""
    trusted = _trusted(trust)
    root = _path("workspace", DEFAULT if workspace is None else workspace)
    status = read_status(root)
    registry = registry or load_plugins()
    origin = unpacked_origin(root, status.origin) if status.origin is not None else read_origin(root)
    path = origin.path if origin is not None and origin.path.exists() else None
    own = not status.files  # only what came out of a package file has a list of its files
    return Package(status, root, _model(status, registry, path), registry, trusted or own)


def _trusted(trust: str | None) -> bool:
    if trust is not None and trust not in _TRUST:
        raise UnknownNameError("trust", str(trust), _TRUST, 'write trust="code", or leave it out')
    return trust is not None


def _path(option: str, value: Path | str) -> Path:
    try:
        return Path(value).absolute()
    except TypeError:
        raise PackageFileError(f"{option}={value!r} is no path", f"pass {option}=<a path>") from None


def _check(status: PackageStatus, file: Path) -> None:
    """Refuse results that contradict themselves, before anything relies on them."""
    signature = status.signature
    if signature.batch is not None and not any(signature.batched(name) for name in signature.input_names):
        raise PackageFileError(
            f"package.json of {file} has the batch axis {signature.batch!r}, and no input has it",
            "ask for the package again",
        )


def _model(status: PackageStatus, registry: Registry, path: Path | None) -> Model:
    """Return the source as far as it is there, in the format as it is known here."""
    known = {each.name: each for each in registry.formats()}
    known |= {each.name: each for each in vars(Format).values() if isinstance(each, Format)}
    held = known.get(status.source.name, status.source)
    return Model(format=held, signature=status.signature, path=None if held.live else path)


@contextlib.contextmanager
def _unpacked_into(workspace: Path | str | None) -> Iterator[tuple[Path, object]]:
    """Give a folder to unpack into, and what keeps it alive; if that fails, the folder is left as it was."""
    if workspace is None:
        root = Path(tempfile.mkdtemp(prefix="navcore-package-"))  # for this user only
        private = _Private(root)
        remove = weakref.finalize(private, shutil.rmtree, root, ignore_errors=True)
        try:
            yield root, private
        except BaseException:
            remove()  # not only when the traceback is gone
            raise
        return
    root = _path("workspace", workspace)
    new = not root.exists()
    if not new and (not root.is_dir() or any(root.iterdir())):
        raise WorkspaceError(
            f"the workspace {root} is not empty; nothing was touched", "pass workspace=<a new or empty folder>"
        )
    try:
        yield root, None
    except BaseException:
        if new:
            with contextlib.suppress(OSError):
                root.rmdir()
        raise


def _settle(root: Path, status: PackageStatus) -> None:
    """Make a folder that was unpacked into a workspace; if that fails, empty it."""
    space = Workspace(root)
    try:
        mark(root)
        space.write_status(status)
    except BaseException as error:
        space.clear()
        (root / MARKER).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise WorkspaceError(
                f"the workspace {root} cannot be written: {error.strerror or error}", "pass workspace=<another folder>"
            ) from error
        raise


@attrs.frozen(eq=False)
class _Private:
    """Stands for a private folder: it is removed when nothing uses this any more."""

    root: Path

"""The folder that a run writes into. It carries a marker file; a folder that does not is never touched."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import attrs

from navcore.domain import FileHash, PackageStatus
from navcore.errors import WorkspaceError

__all__ = ["DEFAULT", "MARKER", "Workspace", "mark", "open_workspace", "read_status", "sha256_of"]

DEFAULT = Path("navigator_workspace")
MARKER = ".navcore-workspace"
_STATUS = "package.json"
_LOCK = ".navcore-lock"
_LONGEST_NAME = 150
_OURS = ("artifacts", "logs", "reproduce", "samples", "scratch", "journal.json", "origin.json", _STATUS)


@attrs.frozen
class Workspace:
    """A folder of ours.

    Attributes:
        root: Absolute path.
    """

    root: Path

    def log(self, step: str) -> Path:
        """Return the path of a step's log."""
        return self.root / "logs" / f"{_file_name(step)}.log"

    def artifact_folder(self, route_id: str) -> Path:
        """Return the path of a new folder for an artifact; its parent exists, the folder does not."""
        folder = self.root / "artifacts" / _file_name(route_id)
        folder.parent.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def scratch_folder(self) -> Path:
        """Path of the folder for what does not outlast a run; it need not exist."""
        return self.root / "scratch"

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give an empty folder that is gone afterwards, unless it was moved elsewhere."""
        import shutil
        import tempfile

        parent = self.scratch_folder
        parent.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=parent))
        folder.chmod(0o755)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(OSError):
                parent.rmdir()

    def relative(self, path: Path) -> str:
        """Return a path below the root with `/`."""
        return path.relative_to(self.root).as_posix()

    def hashes(self, folder: Path) -> tuple[FileHash, ...]:
        """Return every file below a folder of the workspace, sorted by path."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return tuple(FileHash(self.relative(path), sha256_of(path), path.stat().st_size) for path in files)

    def holds(self, file: FileHash) -> bool:
        """Return whether a file is there with the content that it had."""
        path = self.root / file.path
        return path.is_file() and path.stat().st_size == file.size_bytes and sha256_of(path) == file.sha256

    def clear(self) -> None:
        """Remove the results of earlier runs, with everything in their folders; what lies beside these stays.

        Raises:
            WorkspaceError: Something cannot be removed.
        """
        for name in _OURS:
            try:
                _remove(self.root / name)
            except OSError as error:
                raise WorkspaceError(
                    f"{self.root / name}, which an earlier run wrote, cannot be removed: {error}",
                    "remove it yourself, or pass workspace=<another folder>",
                ) from error

    def clear_scratch(self) -> None:
        """Remove what a killed run left of what it was doing, as far as that can be removed."""
        import shutil

        shutil.rmtree(self.scratch_folder, ignore_errors=True)

    def write_status(self, status: PackageStatus) -> None:
        """Write the results; the file is replaced at once or not at all."""
        from navcore.store.schema import to_json

        temporary = self.root / f"{_STATUS}.new"
        temporary.write_text(to_json(status), encoding="utf-8")
        temporary.replace(self.root / _STATUS)


@contextlib.contextmanager
def open_workspace(path: Path | str | None) -> Iterator[Workspace]:
    """Give a workspace with whatever earlier runs left in it, and keep other runs out of it meanwhile.

    Args:
        path: Folder; made if missing. None: `./navigator_workspace`.

    Raises:
        WorkspaceError: The folder is not empty and not a workspace, cannot be written, or another run uses it.
    """
    import filelock

    try:
        root = Path(DEFAULT if path is None else path).absolute()
    except TypeError:
        raise WorkspaceError(f"workspace={path!r} is no path", "pass workspace=<a folder>") from None
    try:
        _claim(root)
        lock = filelock.FileLock(root / _LOCK, timeout=0)
        lock.acquire()
    except filelock.Timeout:
        raise WorkspaceError(
            f"another run is using the workspace {root}", "wait for it to end, or pass workspace=<another folder>"
        ) from None
    except OSError as error:
        raise WorkspaceError(
            f"the workspace {root} cannot be written: {error.strerror or error}", "pass workspace=<a folder you own>"
        ) from error
    try:
        yield Workspace(root)
    finally:
        lock.release()


def _claim(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise WorkspaceError(f"the workspace {root} is a file", "pass workspace=<a folder>")
    root.mkdir(parents=True, exist_ok=True)
    marker = root / MARKER
    if not marker.exists():
        found = sorted(entry.name for entry in root.iterdir())
        if found:
            raise WorkspaceError(
                f"{root} is not empty and not a workspace of navcore (it holds {', '.join(found[:3])}); nothing was "
                "touched",
                "pass workspace=<a new or empty folder>",
            )
        mark(root)


def mark(root: Path) -> None:
    """Make a folder a workspace: from now on runs may remove what earlier ones wrote there."""
    (root / MARKER).write_text("This folder is a navcore workspace: a new run removes what earlier runs wrote here.\n")


def read_status(path: Path | str) -> PackageStatus:
    """Return the results of the run that wrote a workspace; no plugin is needed to read them.

    Raises:
        WorkspaceError: The folder is no workspace, the run did not finish, or its results cannot be read.
    """
    from navcore.store.schema import from_json

    root = Path(path).absolute()
    file = root / _STATUS
    try:
        if not (root / MARKER).exists():
            raise WorkspaceError(f"{root} is not a workspace of navcore", "pass the folder that a run wrote into")
        if not file.exists():
            raise WorkspaceError(f"{root} holds no results: its run did not finish", "run the optimisation again")
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise WorkspaceError(f"{file} is not UTF-8: {error}", "run the optimisation again") from error
    except OSError as error:
        raise WorkspaceError(
            f"{file} cannot be read: {error.strerror or error}",
            "make folder and file readable for yourself, or run the optimisation again",
        ) from error
    return from_json(text, str(file))


def _remove(entry: Path) -> None:
    import shutil

    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    import hashlib

    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):  # hashlib.file_digest does this from Python 3.11 on
            digest.update(chunk)
    return digest.hexdigest()


def _file_name(text: str) -> str:
    """Return a route id as one path component: `onnx/openvino-ir` becomes `onnx+openvino-ir`."""
    import hashlib

    name = re.sub(r"[^A-Za-z0-9.+_-]", "-", text.replace("/", "+"))
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

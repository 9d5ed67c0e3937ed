"""The user's model file: which files belong to it, and where it was when the run read it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from navcore.contracts import Model
from navcore.domain import Artifact, FileHash
from navcore.errors import PackageFileError, WorkspaceError
from navcore.formats import Format
from navcore.store.copying import copy_file
from navcore.store.workspace import Workspace, sha256_of

__all__ = ["ORIGIN_FOLDER", "Origin", "copy_origin", "note_origin", "read_origin", "unpacked_origin"]

ORIGIN_FOLDER = "artifacts/source"
_NAME = "origin.json"


@attrs.frozen
class Origin:
    """A model file at hand.

    Attributes:
        folder: Folder that its files lie in.
        artifact: Path and files relative to that folder, with the hashes that they had.
    """

    folder: Path
    artifact: Artifact

    @property
    def path(self) -> Path:
        """The main file, or the folder of the model."""
        return self.folder / self.artifact.path

    def changed(self) -> str:
        """Return the path of the first file that is gone or of another content; empty where there is none."""
        space = Workspace(self.folder)
        return next((str(self.folder / file.path) for file in self.artifact.files if not space.holds(file)), "")

    def packed(self) -> tuple[Artifact, Mapping[str, Path]]:
        """Return the artifact as it lies in a package, and its files by their names there."""
        files = tuple(attrs.evolve(file, path=f"{ORIGIN_FOLDER}/{file.path}") for file in self.artifact.files)
        where = {f"{ORIGIN_FOLDER}/{file.path}": self.folder / file.path for file in self.artifact.files}
        return attrs.evolve(self.artifact, path=f"{ORIGIN_FOLDER}/{self.artifact.path}", files=files), where


def note_origin(space: Workspace, model: Model) -> None:
    """Write down where a model on disk is, and the hashes of its files; nothing for a live one."""
    if model.path is None:
        return
    path = model.path.absolute()  # not resolved: a download cache links to files whose names say nothing
    folder = path.parent
    names = _files(model.format, path)
    files = tuple(FileHash(name, sha256_of(folder / name), (folder / name).stat().st_size) for name in sorted(names))
    _write(space, Origin(folder, Artifact(model.format, path.name, model.signature, files)))


def copy_origin(space: Workspace, origin: Origin) -> Origin:
    """Copy a model file into the workspace, note it there, and return it; one that is there already is kept."""
    folder = space.root / ORIGIN_FOLDER
    copied = Origin(folder, origin.artifact)
    if copied.changed():
        for file in origin.artifact.files:
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            copy_file(origin.folder / file.path, target)
        if changed := copied.changed():
            raise WorkspaceError(f"{changed} is not what it was in the package", "load the package again")
    _write(space, copied)
    return copied


def read_origin(root: Path) -> Origin | None:
    """Return the model file that a workspace's run began with, or None where it was live."""
    from navcore.store.schema import record_from

    file = root / _NAME
    try:
        data = json.loads(file.read_text("utf-8"))
        return Origin(root / data["folder"], record_from(data["artifact"], Artifact))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkspaceError(f"{file} cannot be read: {error}", "run the optimisation again") from error


def unpacked_origin(root: Path, stored: Artifact) -> Origin:
    """Return the model file of a package that was unpacked into a workspace.

    Raises:
        PackageFileError: It does not lie where model files lie.
    """
    prefix = f"{ORIGIN_FOLDER}/"
    paths = [file.path for file in stored.files]
    if not _belongs(stored.path, paths) or not all(path.startswith(prefix) for path in (stored.path, *paths)):
        raise PackageFileError(f"the source of the package lies at {stored.path!r}", "ask for the package again")
    files = tuple(attrs.evolve(file, path=file.path.removeprefix(prefix)) for file in stored.files)
    return Origin(root / ORIGIN_FOLDER, attrs.evolve(stored, path=stored.path.removeprefix(prefix), files=files))


def _belongs(main: str, files: Sequence[str]) -> bool:
    """Whether a path is one of the files, or the folder of all of them."""
    return main in files or (bool(files) and all(file.startswith(f"{main}/") for file in files))


def _write(space: Workspace, origin: Origin) -> None:
    from navcore.store.schema import record_data

    inside = origin.folder.is_relative_to(space.root)  # then the workspace can be moved
    folder = space.relative(origin.folder) if inside else str(origin.folder)
    text = json.dumps({"folder": folder, "artifact": record_data(origin.artifact)}, indent=1)
    temporary = space.root / f"{_NAME}.new"
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(space.root / _NAME)


def _files(held: Format, path: Path) -> tuple[str, ...]:
    """Return the files of a model, relative to the folder that it lies in."""
    if path.is_dir():
        return tuple(file.relative_to(path.parent).as_posix() for file in path.rglob("*") if file.is_file())
    if held == Format.ONNX:
        from navcore.store.inspect_onnx import external_files

        return (path.name, *external_files(path))
    if held == Format.OPENVINO_IR:
        weights = path.with_suffix(".bin")
        return (path.name, weights.name) if weights.is_file() else (path.name,)
    return (path.name,)

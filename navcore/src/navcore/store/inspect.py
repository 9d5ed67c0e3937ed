"""Looks into files of a package without their frameworks: are they what they are called, do they stay inside?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from navcore.domain import Artifact, PackageStatus
from navcore.formats import Format
from navcore.store.samples import SAMPLES

__all__ = ["Opener", "inspect_artifact", "inspect_contents", "opener"]

Opener = Callable[[], BinaryIO]
"""Opens a file for reading bytes, from its beginning and anywhere in it."""


def opener(path: Path) -> Opener:
    """Return what opens a file on disk."""

    def opened() -> BinaryIO:
        return path.open("rb")

    return opened


def inspect_contents(status: PackageStatus, files: Mapping[str, Opener], where: Path) -> None:
    """Inspect every artifact and sample that a package holds.

    Args:
        status: The package, checked by `check_contents`.
        files: What opens a file, by its path.
        where: Path of the package, for messages.

    Raises:
        PackageFileError: A file is not what it is called, or refers to one that is not in its artifact.
        OSError: A file cannot be read.
    """
    from navcore.store.inspect_npy import inspect_npy

    artifacts = [build.artifact for build in status.builds if build.artifact is not None]
    for artifact in (*artifacts, *(() if status.origin is None else (status.origin,))):
        if all(file.path in files for file in artifact.files):
            _inspect(artifact, files, where)
    for path in sorted(files):
        if path.startswith(f"{SAMPLES}/"):
            with files[path]() as file:
                inspect_npy(file, path, where)


def _inspect(artifact: Artifact, files: Mapping[str, Opener], where: Path) -> None:
    own = {file.path: files[file.path] for file in artifact.files}
    inspect_artifact(artifact.format.name, artifact.path, own, where)


def inspect_artifact(format_name: str, main: str, files: Mapping[str, Opener], where: Path) -> None:
    """Inspect one artifact; of a format whose files are not known here, nothing.

    Args:
        format_name: Name of its format.
        main: Path of its main file.
        files: What opens a file, by its path, for every file of the artifact.
        where: Path of the package, for messages.

    Raises:
        PackageFileError: A file is not what it is called, or refers to one that is not in the artifact.
        OSError: A file cannot be read.
    """
    if format_name == Format.ONNX.name:
        from navcore.store.inspect_onnx import inspect_onnx

        inspect_onnx(main, files, where)
    elif format_name == Format.OPENVINO_IR.name:
        from navcore.store.inspect_openvino import inspect_openvino

        inspect_openvino(main, files, where)

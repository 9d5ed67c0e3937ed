"""Writes arrays by name as one `.npz` file, which appears when it is complete."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from navcore.contracts import Array, Tensors
from navcore.errors import UsageError

__all__ = ["write_arrays"]


def write_arrays(path: Path, arrays: Tensors, *, override: bool) -> Mapping[str, Array]:
    """Write arrays, and return them as they are in the file: bfloat16 and the like as float32, texts as `str`.

    Args:
        path: File to write. If anything fails it is left as it was.
        arrays: By name; numpy.savez would not take every name, `file` for example.
        override: Whether an existing file may be replaced.

    Raises:
        UsageError: The file exists, or cannot be written.
    """
    plain = {name: _plain(np.asarray(array)) for name, array in arrays.items()}
    try:
        with _appearing(path, override) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for name, array in plain.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
    except FileExistsError as error:
        raise UsageError(f"{path} exists", "pass --override to replace it, or another --out") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}", "pass another --out") from error
    return plain


def _plain(array: Array) -> Array:
    """Return an array of a type that a .npy file can name, with the same values."""
    if array.dtype.kind == "O":
        return array.astype("U")
    return array.astype(np.float32) if array.dtype.kind == "V" else array


@contextlib.contextmanager
def _appearing(path: Path, override: bool) -> Iterator[BinaryIO]:
    """Give a new file beside the path, which takes its place at the end, or is removed."""
    temporary = path.with_name(f".{path.name[:100]}.{os.getpid()}.new")
    try:
        with temporary.open("xb") as file:
            yield file
        if not override and path.exists():  # since the command looked, a minute ago perhaps
            raise FileExistsError
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)

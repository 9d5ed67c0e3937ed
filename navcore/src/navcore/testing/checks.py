"""Assertions on arrays and files that the conformance suites share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from navcore.contracts import Tensors
from navcore.domain import Signature, TensorSpec

__all__ = ["assert_close", "assert_fits", "rows", "snapshot_files"]


def assert_close(got: Tensors, expected: Tensors, atol: float, rtol: float) -> None:
    """Assert the same names, dtypes and shapes, and |got - expected| <= atol + rtol * |expected| element by element."""
    assert set(expected) == set(got), f"expected the names {sorted(expected)}, got {sorted(got)}"
    for name, right in expected.items():
        array = got[name]
        assert (right.dtype, right.shape) == (array.dtype, array.shape), (
            f"{name!r}: expected {right.dtype}{list(right.shape)}, got {array.dtype}{list(array.shape)}"
        )
        wide = [value.astype(np.complex128 if value.dtype.kind == "c" else np.float64) for value in (right, array)]
        np.testing.assert_allclose(wide[1], wide[0], rtol=rtol, atol=atol, err_msg=name)


def assert_fits(outputs: Tensors, feeds: Tensors, signature: Signature) -> None:
    """Assert that outputs have the signature's names in its order, its dtypes, and its sizes under these feeds."""
    assert list(signature.output_names) == list(outputs), f"expected {signature.output_names}, got {tuple(outputs)}"
    sizes: dict[str, int] = {}
    for spec in (*signature.inputs, *signature.outputs):
        array = feeds[spec.name] if spec in signature.inputs else outputs[spec.name]
        assert isinstance(array, np.ndarray), f"{spec.name!r} is a {type(array).__name__}, not a numpy.ndarray"
        assert spec.dtype == array.dtype.name, f"{spec}: got {array.dtype.name}"
        assert len(spec.shape) == array.ndim, f"{spec}: got the shape {array.shape}"
        for dimension, size in zip(spec.shape, array.shape, strict=True):
            wanted = sizes.setdefault(dimension, size) if isinstance(dimension, str) else dimension
            assert wanted == size, f"{spec}: got the shape {array.shape}, where {dimension!r} is {wanted}"


def rows(tensors: Tensors, specs: Sequence[TensorSpec], batch: str, size: int) -> Tensors:
    """Return the tensors at another batch size, by repeating rows in turn."""
    return {
        spec.name: np.take(tensors[spec.name], np.arange(size) % len(tensors[spec.name]), axis=0)
        if spec.shape[:1] == (batch,)
        else tensors[spec.name]
        for spec in specs
    }


def snapshot_files(path: Path) -> Mapping[str, str]:
    """Return the SHA-256 of a file and all that lies beside it, or of everything in a folder, by relative path."""
    folder = path if path.is_dir() else path.parent
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

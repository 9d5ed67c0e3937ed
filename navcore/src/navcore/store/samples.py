"""Samples with their reference outputs as .npy files, for scripts that redo a step and for runs that have no source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from navcore.contracts import Array, Tensors
from navcore.domain import Signature, TensorSpec
from navcore.errors import UsageError, first_line
from navcore.store.workspace import Workspace

__all__ = ["SAMPLES", "read_sample", "read_samples", "sample_files", "write_samples"]

SAMPLES = "samples"
_SIDES = (f"{SAMPLES}/inputs", f"{SAMPLES}/outputs")


def write_samples(workspace: Workspace, signature: Signature, samples: Iterable[tuple[Tensors, Tensors]]) -> int:
    """Write all samples, as `{sample}-{place in the signature}.npy`, and return how many there are.

    Args:
        workspace: Written below `samples/`.
        signature: Names the arrays, in order.
        samples: Inputs and reference outputs by name.
    """
    count = 0
    for sample, sides in enumerate(samples):
        for side, arrays, specs in zip(_SIDES, sides, (signature.inputs, signature.outputs), strict=True):
            for place, spec in enumerate(specs):
                _save(workspace.root / side / f"{sample}-{place}.npy", arrays[spec.name])
        count += 1
    return count


def sample_files(signature: Signature, count: int) -> tuple[str, ...]:
    """Return the paths, relative to the workspace, of the files that so many samples have."""
    return tuple(
        f"{side}/{sample}-{place}.npy"
        for sample in range(count)
        for side, specs in zip(_SIDES, (signature.inputs, signature.outputs), strict=True)
        for place in range(len(specs))
    )


def read_samples(root: Path, signature: Signature, count: int) -> Iterator[tuple[Tensors, Tensors]]:
    """Yield inputs and reference outputs by name, one sample after the other.

    Args:
        root: Folder of the workspace.
        signature: As they were written with.
        count: How many there are.

    Raises:
        UsageError: One is missing, or is not the array that the signature says.
    """
    for sample in range(count):
        yield read_sample(root, signature, sample)


def read_sample(root: Path, signature: Signature, sample: int) -> tuple[Tensors, Tensors]:
    """Return inputs and reference outputs of one sample by name; see `read_samples`."""
    inputs, outputs = (
        {spec.name: _load(root / side / f"{sample}-{place}.npy", spec, sample) for place, spec in enumerate(specs)}
        for side, specs in zip(_SIDES, (signature.inputs, signature.outputs), strict=True)
    )
    return inputs, outputs


def _save(path: Path, array: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = array.astype("U") if array.dtype == object else array  # objects would need pickle; texts do not
    temporary = path.with_suffix(".new")
    with temporary.open("wb") as file:
        np.save(file, plain, allow_pickle=False)
    temporary.replace(path)


def _load(path: Path, spec: TensorSpec, sample: int) -> Array:
    try:
        array: Array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(
            f"sample {sample} cannot be read: {path}: {first_line(error)}",
            "optimise again, with the model and its dataloader",
        ) from error
    if len(array.shape) != len(spec.shape):
        raise UsageError(
            f"sample {sample} has {len(array.shape)} axes for {spec}: {path}",
            "optimise again, with the model and its dataloader",
        )
    return _as_type(array, spec)


def _as_type(array: Array, spec: TensorSpec) -> Array:
    """Return the array with its type back: .npy files do not name types that NumPy lacks."""
    if spec.dtype == "object" and array.dtype.kind == "U":
        return array.astype(object)
    if array.dtype.kind != "V":
        return array
    try:
        import ml_dtypes
    except ImportError as error:
        raise UsageError(f"{spec} is of a type that NumPy lacks", "pip install ml_dtypes") from error
    try:
        return array.view(np.dtype(getattr(ml_dtypes, spec.dtype, None)))
    except (TypeError, ValueError) as error:
        raise UsageError(f"{spec} is not what its samples hold: {array.dtype}", "optimise again") from error

"""Which dimensions vary: from the shapes of some runs to a signature with named dimensions."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence

import attrs
import numpy as np

from navcore.contracts import Array, Tensors
from navcore.domain import Dimension, Signature, TensorSpec

__all__ = ["BATCH", "Run", "batch_size", "declared_batch", "dtype_name", "infer_signature", "resized"]

BATCH = "batch"


@attrs.frozen(eq=False)
class Run:
    """Inputs, and the outputs that the source gave for them."""

    inputs: Tensors
    outputs: Tensors


def resized(inputs: Tensors, batched: Collection[str], size: int) -> Tensors:
    """Return the inputs with the first axis of the batched ones made `size` long by repeating rows in turn."""
    return {
        name: np.take(array, np.arange(size) % array.shape[0], axis=0) if name in batched else array
        for name, array in inputs.items()
    }


def batch_size(signature: Signature, inputs: Tensors) -> int | None:
    """Return the length of the batch axis of some inputs, or None where the signature has none."""
    if signature.batch is None:
        return None
    return next(int(inputs[spec.name].shape[0]) for spec in signature.inputs if signature.batched(spec.name))


def declared_batch(signature: Signature, batching: bool) -> Signature:
    """Return a declared signature without its batch where the user wants none."""
    return signature if batching else attrs.evolve(signature, batch=None)


def infer_signature(runs: Sequence[Run], *, batched: bool) -> Signature:
    """Return the signature that the runs show.

    Sizes that differ between runs become named dimensions. Input axes whose sizes agree in every run share a name;
    an output axis takes the name of the input axis that it follows in every run.

    Args:
        runs: Same names, dtypes and number of axes in all.
        batched: Whether the runs differ in batch size, so that a first axis that varies is the batch.
    """
    names: dict[tuple[int, ...], str] = {}
    inputs = tuple(_spec(name, [run.inputs[name] for run in runs], names, batched) for name in runs[0].inputs)
    outputs = tuple(_spec(name, [run.outputs[name] for run in runs], names, False) for name in runs[0].outputs)
    has_batch = any(spec.shape[:1] == (BATCH,) for spec in inputs)
    return Signature(inputs, outputs, BATCH if has_batch else None)


def _spec(name: str, arrays: Sequence[Array], names: dict[tuple[int, ...], str], batched: bool) -> TensorSpec:
    columns = list(zip(*(array.shape for array in arrays), strict=True))
    shape = tuple(_dimension(name, axis, sizes, names, batched) for axis, sizes in enumerate(columns))
    return TensorSpec(name, dtype_name(arrays[0]), shape)


def _dimension(
    name: str, axis: int, sizes: tuple[int, ...], names: dict[tuple[int, ...], str], batched: bool
) -> Dimension:
    if len(set(sizes)) == 1:
        return int(sizes[0])
    if sizes not in names:
        names[sizes] = _new_name(name, axis, names, batched)
    return names[sizes]


def _new_name(name: str, axis: int, names: Mapping[tuple[int, ...], str], batched: bool) -> str:
    taken = set(names.values())
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
    candidates = [BATCH] if batched and axis == 0 else []
    candidates += [f"dim_{axis}", f"{plain}_dim_{axis}"]
    numbered = (f"dim_{axis}_{number}" for number in itertools.count(2))
    return next(
        candidate
        for candidate in itertools.chain(candidates, numbered)
        if candidate not in taken and candidate.isidentifier()
    )


def dtype_name(array: Array) -> str:
    """Return the name of a dtype as signatures have it; text of any length is `str`."""
    return {"U": "str", "S": "bytes"}.get(array.dtype.kind, str(array.dtype.name))

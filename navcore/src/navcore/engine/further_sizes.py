"""further_sizes(): samples at sizes that the user's do not have, since a size that was baked in shows only there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from navcore.contracts import Infer, Tensors
from navcore.domain import OptimizationProfile, Signature
from navcore.engine.probe import differing_outputs
from navcore.engine.shapes import Run
from navcore.errors import any_failure

__all__ = ["further_sizes"]

_ODD = 7
"""Most rows of the odd batch, where the profile sets no limit."""


def further_sizes(
    infer: Infer, runs: Sequence[Run], signature: Signature, profile: OptimizationProfile
) -> tuple[Run, ...]:
    """Run the source at a batch of one, at an odd batch, and at an odd size inside the range of every other dimension.

    A size that the source itself does not take is left out.

    Args:
        infer: The source.
        runs: The user's samples, and the other batch size that was tried.
        signature: With named dimensions.
        profile: No batch is larger than its largest.
    """
    found = []
    for inputs in _inputs(runs, signature, profile):
        try:
            run = Run(inputs, infer(inputs))
            fits = not differing_outputs(runs[0].outputs, run.outputs) and _fits(run, signature)
        except any_failure():  # the user's model may refuse a size in any way
            continue
        if fits:
            found.append(run)
    return tuple(found)


def _inputs(runs: Sequence[Run], signature: Signature, profile: OptimizationProfile) -> Iterator[Tensors]:
    seen = {name: _sizes(name, runs, signature) for name in _names(signature)}
    if signature.batch is not None and signature.batch in seen:
        batched = [spec.name for spec in signature.inputs if signature.batched(spec.name)]
        limit = profile.max_batch_size or max(profile.batch_sizes or (_ODD,))
        odd = next((size for size in range(min(limit, _ODD), 2, -1) if size % 2), None)
        for size in (1, odd):
            if size is not None and size <= limit and size not in seen[signature.batch]:
                yield _rows(runs[0].inputs, batched, size)
    for name, sizes in seen.items():
        inside = _inside(sizes) if name != signature.batch else None
        if inside is not None:
            largest = max(runs, key=lambda run, name=name: _size(name, run, signature))  # type: ignore[misc]
            yield _cropped(largest.inputs, name, inside, signature)


def _rows(inputs: Tensors, batched: Sequence[str], size: int) -> Tensors:
    """Return the inputs with so many rows of their own, in an order that is not the same backwards."""
    steps = np.arange(size) * (np.arange(size) + 1) // 2  # 0, 1, 3, 6, 10, ...
    return {
        name: np.take(array, steps % array.shape[0], axis=0) if name in batched else array
        for name, array in inputs.items()
    }


def _names(signature: Signature) -> list[str]:
    """Return the named dimensions of the inputs, in order."""
    return list(dict.fromkeys(size for spec in signature.inputs for size in spec.shape if isinstance(size, str)))


def _size(name: str, run: Run, signature: Signature) -> int:
    places = ((spec, spec.shape.index(name)) for spec in signature.inputs if name in spec.shape)
    spec, axis = next(places)
    return int(run.inputs[spec.name].shape[axis])


def _sizes(name: str, runs: Sequence[Run], signature: Signature) -> set[int]:
    return {_size(name, run, signature) for run in runs}


def _inside(sizes: set[int]) -> int | None:
    """Return an odd size between the smallest and the largest that has not been seen, near the middle."""
    low, high = min(sizes), max(sizes)
    inside = [size for size in range(low + 1, high) if size % 2 and size not in sizes]
    return min(inside, key=lambda size: abs(2 * size - low - high)) if inside else None


def _cropped(inputs: Tensors, name: str, size: int, signature: Signature) -> Tensors:
    """Return the inputs with every axis of that name cut to the size."""
    cut = {}
    for spec in signature.inputs:
        array = inputs[spec.name]
        places = tuple(slice(size) if dimension == name else slice(None) for dimension in spec.shape)
        cut[spec.name] = np.ascontiguousarray(array[places]).reshape(array[places].shape)
    return cut


def _fits(run: Run, signature: Signature) -> bool:
    """Whether every size of the outputs is what the signature says for these inputs."""
    known = {
        dimension: size
        for spec in signature.inputs
        for dimension, size in zip(spec.shape, run.inputs[spec.name].shape, strict=True)
        if isinstance(dimension, str)
    }
    return all(
        known.get(dimension, size) == size if isinstance(dimension, str) else dimension == size
        for spec in signature.outputs
        for dimension, size in zip(spec.shape, run.outputs[spec.name].shape, strict=True)
    )

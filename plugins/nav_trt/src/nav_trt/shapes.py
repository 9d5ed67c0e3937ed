"""From samples to the shapes that an engine is built for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from nav_trt.profile import FrozenProfile
from navcore.contracts import Array, Tensors
from navcore.domain import Range, Signature, TensorSpec

__all__ = ["Sizes", "holds", "profile_at", "ranges_of", "sizes_of", "value_profile"]

_MOST_VALUES = 64
"""Most elements of a shape tensor, as TensorRT has it."""

_OPTIMUM = 0.8
"""The optimal batch is 2 to the power of this times the logarithm of the largest, as Model Navigator has it."""


@attrs.frozen
class Sizes:
    """What one named dimension may be.

    Attributes:
        smallest, optimum, largest: In ascending order.
    """

    smallest: int
    optimum: int
    largest: int


def sizes_of(signature: Signature, examples: Sequence[Tensors], max_batch_size: int) -> dict[str, Sizes]:
    """Return the sizes of each named dimension of the inputs: those of the samples, with their median as optimum.

    The batch goes from 1 to a limit, or the largest of the samples if that is more; what the model itself refuses is
    left out. Where an input may be a shape, sizes and values have to suit each other, as they do in samples only: then
    the batch, too, is as in the samples, and the optimum is one of them.

    Args:
        signature: Of the model.
        examples: At least one, where a dimension has a name.
        max_batch_size: The limit.
    """
    known = {each.dimension: each for each in signature.ranges}
    as_seen = any(map(_may_be_shape, signature.inputs))
    middle = _seen(signature, _middle(signature, examples)) if as_seen else {}
    found = {}
    for dimension, seen in _seen(signature, examples).items():
        given = known.get(dimension, Range(dimension))
        free = dimension == signature.batch and not as_seen
        smallest = max(given.smallest, 1 if free else min(seen))
        largest = max(smallest, *seen, *((max_batch_size,) if free else ()))
        largest = largest if given.largest is None else min(largest, given.largest)
        best = _optimal_batch(largest) if free else middle.get(dimension, [_median(seen)])[0]
        found[dimension] = Sizes(smallest, min(max(best, smallest), largest), largest)
    return found


def profile_at(signature: Signature, sizes: Mapping[str, Sizes], fixed: Mapping[str, Sequence[int]]) -> FrozenProfile:
    """Return smallest, optimal and largest shape of each input.

    Args:
        signature: Of the model.
        sizes: Of its named dimensions.
        fixed: Shapes of the inputs of the parsed network, -1 where an axis is dynamic.
    """
    made = []
    for spec in signature.inputs:
        low, best, high = (_shape(spec, sizes, fixed[spec.name], which) for which in ("smallest", "optimum", "largest"))
        made.append((spec.name, low, best, high))
    return tuple(made)


def value_profile(signature: Signature, examples: Sequence[Tensors]) -> FrozenProfile:
    """Return smallest, middle and largest values of the inputs that may be shapes: few whole numbers in a row.

    Those in the middle are of the same sample as the optimal sizes.

    TensorRT ignores them, with a warning, for inputs that are none. Its own answer to which are shapes is wrong over
    TensorRT-RTX 1.7.
    """
    middle = _middle(signature, examples)
    return tuple(_values(spec, examples, middle[0]) for spec in signature.inputs if _may_be_shape(spec) and examples)


def ranges_of(signature: Signature, profiles: Sequence[FrozenProfile]) -> tuple[Range, ...]:
    """Return the sizes that an engine is good for, by dimension: those of the widest profile that holds the first one.

    Two profiles side by side do not make one box, so what only a further one takes is not promised here.
    """
    widest = profiles[0]
    for profile in profiles[1:]:
        if holds(profile, {name: low for name, low, _, _ in widest}) and holds(
            profile, {name: high for name, _, _, high in widest}
        ):
            widest = profile
    lowest, highest = ({name: shapes[place] for name, *shapes in widest} for place in (0, 2))
    named = {
        dimension: Range(dimension, lowest[spec.name][axis], highest[spec.name][axis])
        for spec in signature.inputs
        for axis, dimension in enumerate(spec.shape)
        if isinstance(dimension, str)
    }
    kept = {each.dimension: each for each in signature.ranges}
    return tuple(({**kept, **named})[name] for name in sorted({**kept, **named}))


def holds(profile: FrozenProfile, shapes: Mapping[str, Sequence[int]]) -> bool:
    """Return whether inputs of these shapes are within a profile."""
    return all(
        len(low) == len(shapes[name])
        and all(small <= size <= large for small, size, large in zip(low, shapes[name], high, strict=True))
        for name, low, _, high in profile
    )


def _seen(signature: Signature, examples: Sequence[Tensors]) -> dict[str, list[int]]:
    seen: dict[str, list[int]] = {}
    for feeds in examples:
        for spec in signature.inputs:
            for dimension, size in zip(spec.shape, feeds[spec.name].shape, strict=True):
                if isinstance(dimension, str):
                    seen.setdefault(dimension, []).append(size)
    return seen


def _optimal_batch(largest: int) -> int:
    return int(2 ** math.ceil(math.floor(math.log2(largest)) * _OPTIMUM))


def _shape(spec: TensorSpec, sizes: Mapping[str, Sizes], fixed: Sequence[int], which: str) -> tuple[int, ...]:
    named = (getattr(sizes[size], which) if isinstance(size, str) else size for size in spec.shape)
    return tuple(size if own < 0 else own for size, own in zip(named, fixed, strict=True))


def _may_be_shape(spec: TensorSpec) -> bool:
    whole = spec.dtype in ("int32", "int64", "bool")
    static = len(spec.shape) <= 1 and all(isinstance(size, int) for size in spec.shape)
    return whole and static and math.prod(size for size in spec.shape if isinstance(size, int)) <= _MOST_VALUES


def _middle(signature: Signature, examples: Sequence[Tensors]) -> tuple[Tensors, ...]:
    """Return the sample in the middle, by the size of its inputs; empty where there is none."""
    ordered = sorted(examples, key=lambda feeds: sum(feeds[name].size for name in signature.input_names))
    return tuple(ordered[len(ordered) // 2 : len(ordered) // 2 + 1])


def _median(seen: Sequence[int]) -> int:
    return sorted(seen)[len(seen) // 2]


def _values(
    spec: TensorSpec, examples: Sequence[Tensors], middle: Tensors
) -> tuple[str, tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    seen = np.stack([_row(feeds[spec.name]) for feeds in examples])
    low, high = (tuple(map(int, values)) for values in (seen.min(axis=0), seen.max(axis=0)))
    return spec.name, low, tuple(map(int, _row(middle[spec.name]))), high


def _row(values: Array) -> Array:
    return np.atleast_1d(values).astype(np.int64)

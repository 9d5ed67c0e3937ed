"""Inputs at other sizes than the user's samples have: what was baked into an artifact shows only there."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from navcore.contracts import Model, Tensors
from navcore.domain import Signature

__all__ = ["input_dimensions", "ordered_examples", "other_sizes", "resized", "sizes_seen"]

_BATCHES = (3, 5, 2, 4, 7)
"""Odd ones first: an even one may fit where a half of the batch was meant."""

_MOST_OTHERS = 2


def input_dimensions(signature: Signature) -> tuple[str, ...]:
    """Return the named dimensions of the inputs, in order."""
    named = (size for spec in signature.inputs for size in spec.shape if isinstance(size, str))
    return tuple(dict.fromkeys(named))


def sizes_seen(dimension: str, signature: Signature, examples: Sequence[Tensors]) -> tuple[int, ...]:
    """Return the sizes that the examples have of a dimension, each once, in order."""
    found = (
        feeds[spec.name].shape[axis]
        for feeds in examples
        for spec in signature.inputs
        for axis, name in enumerate(spec.shape)
        if name == dimension
    )
    return tuple(dict.fromkeys(found))


def ordered_examples(model: Model) -> tuple[Tensors, ...]:
    """Return the examples, first one to export with: of its named dimensions none is 0 or 1, which are baked in."""
    names = input_dimensions(model.signature)
    fit = [
        feeds
        for feeds in model.examples
        if all(size > 1 for name in names for size in sizes_seen(name, model.signature, [feeds]))
    ]
    first = fit[0] if fit else model.examples[0]
    return (first, *(feeds for feeds in model.examples if feeds is not first))


def other_sizes(dimension: str, signature: Signature, examples: Sequence[Tensors]) -> tuple[int, ...]:
    """Return a few sizes of 2 or more that no example has, the best one to try first.

    For the batch small ones; for another dimension one between those of the examples, or else below, and one that is
    a multiple of what all of them are, since many models halve their images a few times.
    """
    seen = sizes_seen(dimension, signature, examples)
    if dimension == signature.batch:
        return tuple(size for size in _BATCHES if size not in seen)[:_MOST_OTHERS]
    step = math.gcd(*seen)
    candidates = (*_inside(seen, 1), *_inside(seen, step), min(seen) - step, min(seen) - 1)
    return tuple(dict.fromkeys(size for size in candidates if size > 1 and size not in seen))[:_MOST_OTHERS]


def _inside(seen: Sequence[int], step: int) -> tuple[int, ...]:
    """Return the multiple of the step between the smallest and the largest size that is nearest to their middle."""
    low, high = min(seen), max(seen)
    inside = [size for size in range(low + 1, high) if size % step == 0 and size not in seen]
    return (min(inside, key=lambda size: abs(2 * size - low - high)),) if inside else ()


def resized(dimension: str, size: int, signature: Signature, examples: Sequence[Tensors]) -> Tensors:
    """Return inputs with another size of one dimension, made of what the examples hold.

    A batch has rows of the first example, in an order that is not the same backwards; another dimension is cut from
    the example in which it is longest.
    """
    if dimension == signature.batch:
        feeds, places = examples[0], np.arange(size) * (np.arange(size) + 1) // 2  # 0, 1, 3, 6, 10, ...
    else:
        feeds = max(examples, key=lambda each: max(sizes_seen(dimension, signature, [each]), default=0))
        places = np.arange(size)
    taken = dict(feeds)
    for spec in signature.inputs:
        for axis, name in enumerate(spec.shape):
            if name == dimension:
                array = taken[spec.name]
                taken[spec.name] = np.take(array, places % array.shape[axis], axis=axis)
    return taken

"""From a sample to arrays by input name, where there is a signature and no plugin to ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from navcore.contracts import Array, Tensors
from navcore.domain import Signature, TensorSpec
from navcore.engine.shapes import dtype_name
from navcore.errors import DataloaderError, any_failure, first_line

__all__ = ["feeds_of"]


def feeds_of(sample: Any, signature: Signature, index: int) -> Tensors:
    """Return the arrays of a sample by input name, in the order of the signature.

    Args:
        sample: A mapping by input name; or arrays in the order of the inputs, nested in any way; or one array.
        signature: What the model takes.
        index: Place of the sample in the dataloader, for messages.

    Raises:
        DataloaderError: Number, dtypes or shapes do not fit.
    """
    names = signature.input_names
    if isinstance(sample, Mapping) and set(sample) == set(names):
        values = [sample[name] for name in names]
    else:
        values = list(_leaves(sample))
    if len(values) != len(names):
        raise DataloaderError(
            f"sample {index} holds {len(values)} arrays, and the inputs are {', '.join(names)}",
            f"give a dict by name: {{{', '.join(f'{name!r}: ...' for name in names)}}}",
        )
    feeds = {spec.name: _array(value, spec, index) for spec, value in zip(signature.inputs, values, strict=True)}
    sizes = {feeds[name].shape[0] for name in names if signature.batched(name)}
    if len(sizes) > 1 or 0 in sizes:
        raise DataloaderError(
            f"sample {index} has batch sizes {', '.join(map(str, sorted(sizes)))}", "give all inputs one batch size"
        )
    return feeds


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _array(value: Any, spec: TensorSpec, index: int) -> Array:
    try:
        array = np.asarray(value)
    except any_failure() as error:  # a tensor of a framework may refuse in any way, on a GPU for example
        raise DataloaderError(
            f"sample {index} holds a {type(value).__name__} for {spec} that is no array: {first_line(error)}",
            "give NumPy arrays",
        ) from error
    if dtype_name(array) != spec.dtype:
        raise DataloaderError(
            f"sample {index} is {dtype_name(array)} for {spec}", f"cast it, for example array.astype({spec.dtype!r})"
        )
    fits = len(array.shape) == len(spec.shape) and all(
        isinstance(wanted, str) or wanted == got for wanted, got in zip(spec.shape, array.shape, strict=True)
    )
    if not fits:
        raise DataloaderError(f"sample {index} has shape {list(array.shape)} for {spec}", "give it that shape")
    return array

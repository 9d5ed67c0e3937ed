"""Seeded inputs made from a signature, for models that declare one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from navcore.contracts import Array, Tensors
from navcore.domain import TensorSpec
from navcore.errors import DataloaderError

__all__ = ["generate"]

_OTHER_SIZE = 8
_TOP_INTEGER = 8


def generate(specs: Sequence[TensorSpec], batch: str | None, size: int, seed: int) -> Tensors:
    """Return inputs of the given batch size: standard normal floats, integers in [0, 8), coin-flip booleans.

    Args:
        specs: Inputs to make; every named dimension but the batch becomes 8 plus the batch size, so that samples of
            different batch sizes differ there too.
        batch: Name of the batch dimension.
        size: Size of the batch dimension.
        seed: Of the generator; the batch size is mixed in.

    Raises:
        DataloaderError: An input has a dtype that cannot be made up.
    """
    generator = np.random.default_rng([seed, size])
    return {spec.name: _array(spec, _shape(spec, batch, size), generator) for spec in specs}


def _shape(spec: TensorSpec, batch: str | None, size: int) -> tuple[int, ...]:
    sizes = {batch: size}
    return tuple(item if isinstance(item, int) else sizes.get(item, _OTHER_SIZE + size) for item in spec.shape)


def _array(spec: TensorSpec, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    try:
        dtype = np.dtype(spec.dtype)
    except TypeError:
        raise _cannot(spec) from None
    if dtype.kind in "fV":
        return generator.standard_normal(shape).astype(dtype)
    if dtype.kind == "c":
        return (generator.standard_normal(shape) + 1j * generator.standard_normal(shape)).astype(dtype)
    if dtype.kind in "iu":
        return generator.integers(0, _TOP_INTEGER, shape).astype(dtype)
    if dtype.kind == "b":
        return generator.integers(0, 2, shape).astype(dtype)
    raise _cannot(spec)


def _cannot(spec: TensorSpec) -> DataloaderError:
    return DataloaderError(f"inputs of dtype {spec.dtype} cannot be made up ({spec})", "pass dataloader=[sample, ...]")

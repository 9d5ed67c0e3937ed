"""Arrays between NumPy and JAX."""

from __future__ import annotations

from typing import Any

import numpy as np

from navcore.contracts import Array

__all__ = ["as_arrays_of_jax", "as_jax_takes_it", "is_array", "owned"]


def as_jax_takes_it(value: Any) -> Array:
    """Return a value as an array of the type in which JAX computes: 32 bits in place of 64, unless x64 is enabled."""
    import jax

    array = np.asarray(value)
    wanted = jax.dtypes.canonicalize_dtype(array.dtype)
    return array if array.dtype == wanted else array.astype(wanted)


def as_arrays_of_jax(params: Any, device: Any = None) -> Any:
    """Return a pytree with its arrays put on a device, the default one if it is None; other leaves as they are."""
    import jax

    def placed(leaf: Any) -> Any:
        return jax.device_put(leaf, device) if is_array(leaf) else leaf

    return jax.tree_util.tree_map(placed, params)


def is_array(leaf: Any) -> bool:
    """Return whether a leaf is an array of JAX or NumPy; others are constants."""
    import jax

    return isinstance(leaf, jax.Array | np.ndarray)


def owned(array: Any) -> Array:
    """Return a copy that is the caller's: the memory of an array of JAX cannot be written to."""
    return np.array(array)

"""Between numpy arrays and torch tensors."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from navcore.contracts import Array
from navcore.errors import DataloaderError

__all__ = ["device_of", "is_plain", "shapes_of", "shared_tensor", "to_array", "to_tensor"]


def device_of(module: Any) -> Any:
    """Return the device of the module's first parameter or buffer; the CPU where it has none."""
    import itertools

    import torch

    first = next(itertools.chain(module.parameters(), module.buffers()), None)
    return torch.device("cpu") if first is None else first.device


def to_tensor(value: Any, device: Any) -> Any:
    """Return a tensor on the device that shares no memory with the value, so that a model may write to its inputs.

    Args:
        value: A tensor or an array; bfloat16 and the 8-bit floats as in ml_dtypes.
        device: A torch.device.

    Raises:
        DataloaderError: torch has no such dtype.
    """
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach().to(device, copy=True)
    return shared_tensor(np.array(value), device)


def shared_tensor(array: Array, device: Any) -> Any:
    """Return a tensor on the device; on the CPU it shares the array's memory, which must be writable.

    Raises:
        DataloaderError: torch has no such dtype.
    """
    import torch

    try:
        if array.dtype.isbuiltin != 1 and hasattr(torch, array.dtype.name):  # an ml_dtypes dtype
            bits = array.view(f"uint{8 * array.dtype.itemsize}")
            return torch.from_numpy(bits).view(getattr(torch, array.dtype.name)).to(device)
        tensor = torch.from_numpy(array)
        return tensor if device.type == "cpu" else tensor.to(device)
    except TypeError:
        raise DataloaderError(
            f"torch has no tensors of dtype {array.dtype}", "give numbers: arrays of floats, integers or booleans"
        ) from None


def to_array(tensor: Any) -> Array:
    """Return an array that shares no memory with the tensor.

    Raises:
        DataloaderError: It is sparse, nested or without numbers, or neither numpy nor ml_dtypes has such a dtype.
    """
    import torch

    if isinstance(tensor, np.ndarray):
        return np.array(tensor)
    if is_plain(tensor):
        copied: Array = tensor.detach().numpy().copy("K")  # half of the time that copying in torch takes
        return copied
    if tensor.is_nested:
        raise DataloaderError("a tensor is nested, which numpy has not", "call .to_padded_tensor(0.0) on it")
    if tensor.is_meta:
        raise DataloaderError(
            "a tensor is on the meta device, which holds no numbers", "give one with numbers, for example on the CPU"
        )
    if tensor.layout != torch.strided:
        raise DataloaderError(f"a tensor has the layout {tensor.layout}, which numpy has not", "call .to_dense() on it")
    dense = tensor.detach().resolve_conj().resolve_neg().to("cpu", copy=True)
    try:
        array: Array = dense.numpy()
    except TypeError:
        dtype = _extended_dtype(str(dense.dtype).removeprefix("torch."))
        array = dense.contiguous().view(getattr(torch, f"uint{8 * dtype.itemsize}")).numpy().view(dtype)
    return array


def is_plain(value: Any) -> bool:
    """Return whether it is a tensor whose numbers lie in this machine's memory as numpy has them."""
    import torch

    return (
        type(value) is torch.Tensor
        and value.is_cpu
        and value.dtype in _plain_dtypes()
        and value.layout is torch.strided
        and not value.is_neg()
        and not value.is_nested
    )


@functools.cache
def _plain_dtypes() -> frozenset[Any]:
    """Return the dtypes of torch that numpy has too."""
    import torch

    names = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
    return frozenset(getattr(torch, name) for name in names)


def _extended_dtype(name: str) -> np.dtype[Any]:
    try:
        import ml_dtypes

        dtype: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
    except (ImportError, AttributeError):
        raise DataloaderError(
            f"numpy has no dtype for torch.{name}", "pip install ml_dtypes, or cast to float32 in forward"
        ) from None
    return dtype


def shapes_of(tensors: Mapping[str, Any]) -> str:
    """Return names, dtypes and shapes as text: `x: float32[2, 3], mask: bool[2]`."""
    return ", ".join(
        f"{name}: {str(value.dtype).removeprefix('torch.')}{list(value.shape)}" for name, value in tensors.items()
    )

"""How much memory the parameters and buffers of a module take, and where they are."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

__all__ = ["LARGE_BYTES", "is_large", "weights_bytes", "weights_devices"]

LARGE_BYTES = 100 * 1024**2
"""From here on a copy in memory counts; importing PyTorch takes twice as much."""


def is_large(module: Any) -> bool:
    """Return whether a copy of the module would take much of the machine's memory."""
    return weights_devices(module) == {"cpu"} and weights_bytes(module) > LARGE_BYTES


def weights_bytes(module: Any) -> int:
    """Return the bytes of all parameters and buffers; what is shared counts once."""
    return sum(tensor.numel() * tensor.element_size() for tensor in _tensors(module))


def weights_devices(module: Any) -> set[str]:
    """Return the kinds of device that hold parameters and buffers: `cpu`, `cuda`."""
    return {tensor.device.type for tensor in _tensors(module)}


def _tensors(module: Any) -> Iterator[Any]:
    return itertools.chain(module.parameters(), module.buffers())

"""Devices that a model can run on."""

from __future__ import annotations

from enum import Enum

__all__ = ["DeviceKind"]


class DeviceKind(str, Enum):
    """A kind of device; the value is its name on the command line."""

    CPU = "cpu"
    CUDA = "cuda"

    def __str__(self) -> str:
        return self.value

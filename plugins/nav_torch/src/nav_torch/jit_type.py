"""JitType: the two ways into TorchScript."""

from __future__ import annotations

from enum import Enum

__all__ = ["JitType"]


class JitType(str, Enum):
    """How TorchScript is made of a module."""

    SCRIPT = "script"
    TRACE = "trace"

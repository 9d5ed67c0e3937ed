"""The form of int8 that this processor multiplies well, as ONNX Runtime advises it."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import attrs

__all__ = ["Int8Kind", "int8_kind"]

_NO_SATURATION = {"avx512_vnni", "avx_vnni", "amx_int8"}


@attrs.frozen
class Int8Kind:
    """How numbers are held in eight bits.

    Attributes:
        signed: Whether activations are int8 and not uint8; weights are int8 in any case.
        reduce_range: Whether weights use seven bits of eight.
    """

    signed: bool
    reduce_range: bool


def int8_kind(machine: str | None = None, cpuinfo: Path = Path("/proc/cpuinfo")) -> Int8Kind:
    """Return the form that fits the processor.

    x86 multiplies uint8 by int8. Without VNNI it adds two products in 16 bits, which saturates unless weights have
    seven bits. Arm multiplies int8 by int8. (onnxruntime.ai/docs/performance/model-optimizations/quantization.html)

    Args:
        machine: As `platform.machine()` gives it.
        cpuinfo: What the kernel tells about the processor; where it tells nothing, it is taken to have no VNNI.
    """
    if (machine or platform.machine()).lower() in ("aarch64", "arm64"):
        return Int8Kind(signed=True, reduce_range=False)
    try:
        found = re.search(r"(?m)^flags\s*:(.*)$", cpuinfo.read_text("utf-8", "replace"))
    except OSError:
        found = None
    flags = set(found.group(1).split()) if found else set()
    return Int8Kind(signed=False, reduce_range=not flags & _NO_SATURATION)

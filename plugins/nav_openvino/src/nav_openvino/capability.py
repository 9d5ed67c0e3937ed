"""Which precisions OpenVINO's CPU device computes in on this machine."""

from __future__ import annotations

from pathlib import Path

from nav_openvino.without_telemetry import load_openvino

__all__ = ["missing_precision"]

_CAPABILITIES = {"bf16": "BF16", "f16": "FP16"}
_FLAGS = {
    "bf16": ("avx512_bf16", "amx_bf16", "avx_ne_convert"),
    "f16": ("avx512_fp16", "amx_fp16", "avx_ne_convert"),
}
"""Instructions of x86 without which a precision is not native, as Linux names them."""


def missing_precision(element: str) -> str | None:
    """Return why this CPU does not compute in it, as `cause; fix`, or None where it does.

    OpenVINO computes in float32 there without saying so.

    Args:
        element: OpenVINO's name of the precision, such as `bf16`.
    """
    if element not in _CAPABILITIES:
        return None
    # Importing OpenVINO takes half a second and 40 MB of the user's process: not where the answer is plain.
    flags = _cpu_flags()
    native = not flags or any(flag in flags for flag in _FLAGS[element])
    if native and _CAPABILITIES[element] in load_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return None
    return f"this CPU has no instructions for {element}; run it on one that has, for example with AVX512-BF16 or AMX"


def _cpu_flags() -> frozenset[str]:
    """Return what Linux says that an x86 CPU can do; empty elsewhere."""
    try:
        with Path("/proc/cpuinfo").open() as lines:
            found = next((line.partition(":")[2] for line in lines if line.startswith("flags")), "")
    except OSError:
        return frozenset()
    return frozenset(found.split())

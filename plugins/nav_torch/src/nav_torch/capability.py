"""Whether a device computes in bf16 or fp16, or only converts back and forth."""

from __future__ import annotations

from pathlib import Path

from navcore.domain import DeviceKind

__all__ = ["missing_precision", "missing_precision_of_cpu"]

_CPUINFO = Path("/proc/cpuinfo")
_ENOUGH: dict[str, tuple[frozenset[str], ...]] = {
    # What oneDNN, which torch computes with, calls avx512_core and avx2_vnni_2; and ARM's own instructions.
    "bf16": (
        frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl"}),
        frozenset({"avx_ne_convert"}),
        frozenset({"bf16"}),
    ),
    "fp16": (frozenset({"avx512_fp16"}), frozenset({"amx_fp16"}), frozenset({"fphp", "asimdhp"})),
}
_OTHERWISE = {
    # Measured with torch 2.13 on a Zen 4 without avx512_fp16: ResNet-18 took 29 times as long in fp16 as in fp32.
    "fp16": "takes 25 to 30 times as long as in fp32; use bf16, or a GPU",
    "bf16": "would only convert to fp32 and back; keep fp32, or use a GPU or a CPU with AVX-512",
}


def missing_precision(precision: str | None, devices: tuple[DeviceKind, ...]) -> str | None:
    """Return why a tool that lowers to the precision is of no use on its devices, as `cause; fix`, or None if it is."""
    if precision not in _ENOUGH:
        return None
    if DeviceKind.CUDA in devices:
        return _missing_on_gpu() if precision == "bf16" else None
    text = _CPUINFO.read_text(encoding="utf-8", errors="replace") if _CPUINFO.is_file() else ""
    return missing_precision_of_cpu(precision, text) or _refused_by_onednn(precision)


def missing_precision_of_cpu(precision: str, cpuinfo: str) -> str | None:
    """Return why a CPU is of no use for `bf16` or `fp16`, as `cause; fix`, or None if it is.

    Args:
        precision: One of the two.
        cpuinfo: Text of `/proc/cpuinfo`; empty where the system has none.
    """
    if any(needed <= _flags(cpuinfo) for needed in _ENOUGH[precision]):
        return None
    lists = [" and ".join(sorted(needed)) for needed in _ENOUGH[precision]]
    listing = f"{', '.join(lists[:-1])} or {lists[-1]}"
    return f"this CPU has no instructions for {precision} ({listing}), so torch {_OTHERWISE[precision]}"


def _flags(cpuinfo: str) -> frozenset[str]:
    """Return the instruction sets of the first processor: x86 calls the line `flags`, ARM `Features`."""
    for line in cpuinfo.splitlines():
        if line.startswith(("flags", "Features")):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def _refused_by_onednn(precision: str) -> str | None:
    """Return that oneDNN was told not to use the instructions, by ONEDNN_MAX_CPU_ISA for example."""
    import torch

    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None) if precision == "bf16" else None
    if supported is None or supported():
        return None
    return "oneDNN does not compute in bf16 here; unset ONEDNN_MAX_CPU_ISA, or keep fp32"


def _missing_on_gpu() -> str | None:
    import torch

    if not torch.cuda.is_available() or torch.cuda.get_device_capability() >= (8, 0):
        return None
    return f"{torch.cuda.get_device_name()} only emulates bf16; use fp16, or a GPU of the Ampere generation or later"

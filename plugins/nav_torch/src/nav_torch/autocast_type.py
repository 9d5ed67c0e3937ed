"""AutocastType: what autocast lowers to."""

from __future__ import annotations

from enum import Enum

from navcore.domain import DeviceKind

__all__ = ["AutocastType"]


class AutocastType(Enum):
    """The dtype of autocast; DEVICE: bf16 on a CPU and fp16 on a GPU, as torch does by itself."""

    DEVICE = None
    FP16 = "torch.float16"
    BF16 = "torch.bfloat16"

    def precision(self, device: DeviceKind) -> str:
        """Return the name in navcore of what it lowers to on a device."""
        if self is AutocastType.DEVICE:
            return "bf16" if device is DeviceKind.CPU else "fp16"
        return "fp16" if self is AutocastType.FP16 else "bf16"

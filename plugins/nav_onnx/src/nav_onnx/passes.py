"""The passes over ONNX graphs that are registered."""

from __future__ import annotations

from nav_onnx.pass_fuse import OnnxFuse
from nav_onnx.pass_half import OnnxHalf
from nav_onnx.pass_int8_dynamic import OnnxInt8Dynamic
from nav_onnx.pass_int8_static import OnnxInt8
from nav_onnx.pass_slim import OnnxSlim
from navcore.contracts import Converter

__all__ = ["PASSES"]

# What keeps the precision takes part only where it can pay, because each pass doubles the routes behind it; what lowers
# it, only where the user asks.
PASSES: tuple[Converter, ...] = (
    OnnxSlim(),
    OnnxFuse(),
    OnnxHalf(name="onnx-fp16", precision="fp16"),
    OnnxHalf(name="onnx-bf16", precision="bf16"),
    OnnxInt8(),
    OnnxInt8Dynamic(),
)

"""Types of elements that NumPy has none of its own for, by their numbers in `onnx.TensorProto`."""

from __future__ import annotations

__all__ = ["PACKED", "RAW"]

RAW = {
    16: "bfloat16",
    17: "float8_e4m3fn",
    18: "float8_e4m3fnuz",
    19: "float8_e5m2",
    20: "float8_e5m2fnuz",
    24: "float8_e8m0fnu",
}
"""Those of one or two bytes, by the names that ml_dtypes has for them."""

PACKED = {21: "uint4", 22: "int4", 23: "float4_e2m1fn", 25: "uint2", 26: "int2"}
"""Those of which a byte holds several."""

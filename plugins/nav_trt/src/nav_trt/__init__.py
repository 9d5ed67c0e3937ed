"""TensorRT in navcore: from ONNX to engines, and the runners for them."""

from nav_trt.config import TensorRTConfig, TensorRTPrecision, TensorRTPrecisionMode
from nav_trt.convert_onnx import TensorRTConverter
from nav_trt.optimize import optimize
from nav_trt.profile import ShapeTuple, TensorRTProfile
from nav_trt.run_tensorrt import TensorRTRunner

__all__ = [
    "ShapeTuple",
    "TensorRTConfig",
    "TensorRTConverter",
    "TensorRTPrecision",
    "TensorRTPrecisionMode",
    "TensorRTProfile",
    "TensorRTRunner",
    "optimize",
]

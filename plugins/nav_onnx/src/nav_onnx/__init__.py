"""ONNX files in navcore: `nav.onnx.optimize("model.onnx", ...)`, and the runners on ONNX Runtime."""

from nav_onnx.config_onnxruntime import OnnxRuntimeConfig
from nav_onnx.config_passes import OnnxPassConfig, OnnxQuantizationConfig
from nav_onnx.optimize import optimize
from nav_onnx.run_onnxruntime import OnnxRuntimeRunner

__all__ = ["OnnxPassConfig", "OnnxQuantizationConfig", "OnnxRuntimeConfig", "OnnxRuntimeRunner", "optimize"]

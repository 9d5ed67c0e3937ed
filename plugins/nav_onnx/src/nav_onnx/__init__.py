"""ONNX files in navcore: `nav.onnx.optimize("model.onnx", ...)`, and the runners on ONNX Runtime."""

from nav_onnx.config_onnxruntime import OnnxRuntimeConfig
from nav_onnx.optimize import optimize
from nav_onnx.run_onnxruntime import OnnxRuntimeRunner

__all__ = ["OnnxRuntimeConfig", "OnnxRuntimeRunner", "optimize"]

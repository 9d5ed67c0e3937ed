"""ONNX files in navcore: `nav.onnx.optimize("model.onnx", ...)`, and the runners on ONNX Runtime."""

from nav_onnx.optimize import optimize
from nav_onnx.run_onnxruntime import OnnxRuntimeRunner

__all__ = ["OnnxRuntimeRunner", "optimize"]

"""OpenVINO in navcore: from ONNX to OpenVINO IR, and the runner for it."""

from nav_openvino.convert_onnx import OpenVINOConverter
from nav_openvino.run_openvino import OpenVINORunner

__all__ = ["OpenVINOConverter", "OpenVINORunner"]

"""OpenVINO in navcore: from ONNX and SavedModels to OpenVINO IR, in 8 bits if asked, and the runner for it."""

from nav_openvino.config import OpenVINOConfig
from nav_openvino.convert_int8 import OpenVINOInt8Converter
from nav_openvino.convert_onnx import OpenVINOConverter
from nav_openvino.convert_savedmodel import SavedModelConverter
from nav_openvino.run_openvino import OpenVINORunner

__all__ = ["OpenVINOConfig", "OpenVINOConverter", "OpenVINOInt8Converter", "OpenVINORunner", "SavedModelConverter"]

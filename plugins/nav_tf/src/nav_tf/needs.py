"""What the converters of TensorFlow need, without importing it."""

from __future__ import annotations

from importlib.util import find_spec

__all__ = ["missing_litert", "missing_openvino", "missing_tensorflow", "missing_tf2onnx"]


def missing_tensorflow() -> str | None:
    """Return that TensorFlow is not installed, as `cause; fix`, or None."""
    return _missing("tensorflow", "cpu")


def missing_tf2onnx() -> str | None:
    """Return what is not installed that converts to ONNX, as `cause; fix`, or None."""
    return missing_tensorflow() or _missing("tf2onnx", "onnx") or _missing("onnx", "onnx")


def missing_litert() -> str | None:
    """Return that the runtime of LiteRT is not installed, as `cause; fix`, or None."""
    return _missing("ai_edge_litert", "litert")


def missing_openvino() -> str | None:
    """Return what is not installed that Keras exports to OpenVINO with, as `cause; fix`, or None."""
    return missing_tensorflow() or _missing("openvino", "openvino")


def _missing(module: str, extra: str) -> str | None:
    return None if find_spec(module) else f"{module} is not installed; pip install 'nav-tf[{extra}]'"

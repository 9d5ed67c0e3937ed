"""Facts about TensorFlow and the GPU that results depend on; nothing is imported for them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nav_tf.device import installed_version

__all__ = ["environment"]

_GPUS = Path("/proc/driver/nvidia/gpus")
_OTHERS = ("keras", "tf2onnx", "ai-edge-litert")


def environment() -> Mapping[str, str]:
    """Return versions of TensorFlow, Keras and what converts from them, and the name of the first GPU."""
    facts = {"tensorflow.version": installed_version(), "tensorflow.gpu": _gpu()}
    facts |= {f"{name}.version": _version(name) for name in _OTHERS}
    return {name: value for name, value in facts.items() if value}


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _gpu() -> str:
    """Return the model that NVIDIA's driver tells of the first GPU, or nothing."""
    for file in sorted(_GPUS.glob("*/information")):
        for line in file.read_text("utf-8", "replace").splitlines():
            if line.startswith("Model:"):
                return line.partition(":")[2].strip()
    return ""

"""Whether this TensorFlow has TF-TRT, without importing it."""

from __future__ import annotations

from nav_tf.device import installed_version, missing_device
from nav_tf.needs import missing_tensorflow
from navcore.domain import DeviceKind

__all__ = ["missing_tftrt"]

_LAST_WITH = (2, 17)


def missing_tftrt() -> str | None:
    """Return why TF-TRT cannot work here, as `cause; fix`, or None if it can."""
    if missing := missing_tensorflow():
        return missing
    version = installed_version()
    if _release(version) > _LAST_WITH:
        return (
            f"TensorFlow {version} has no TF-TRT: 2.18 and later are built without it; use TensorFlow 2.17 or earlier "
            "with CUDA on Linux, as in NVIDIA's containers, or TensorRT through ONNX"
        )
    return missing_device(DeviceKind.CUDA)


def _release(version: str) -> tuple[int, ...]:
    """Return major and minor number; zeros where the build has another name, whose version is not known."""
    parts = version.split(".")[:2]
    return tuple(map(int, parts)) if len(parts) == 2 and all(part.isdigit() for part in parts) else (0, 0)

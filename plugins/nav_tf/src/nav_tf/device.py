"""Whether TensorFlow can use a device, without importing it: that takes seconds."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from nav_tf.needs import missing_tensorflow
from navcore.domain import DeviceKind

__all__ = ["device_name", "installed_version", "missing_device"]

_BUILDS = ("tensorflow", "tensorflow-cpu", "tf-nightly", "tensorflow-macos")
_DRIVERS = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")
"""Where Linux, containers and WSL show a driver of NVIDIA."""


def missing_device(device: DeviceKind) -> str | None:
    """Return what is not here for a device, as `cause; fix`, or None."""
    if (missing := missing_tensorflow()) is not None or device is DeviceKind.CPU:
        return missing
    if installed_version("tensorflow-cpu"):
        return (
            "tensorflow-cpu is built without CUDA; pip uninstall tensorflow-cpu && pip install 'nav-tf[gpu]' on a "
            "machine with an NVIDIA GPU"
        )
    if not any(Path(driver).exists() for driver in _DRIVERS):
        return "there is no driver of an NVIDIA GPU; run on a machine with one, and check it with nvidia-smi"
    return None


def device_name(device: DeviceKind) -> str:
    """Return a kind of device as TensorFlow calls it."""
    return "GPU" if device is DeviceKind.CUDA else "CPU"


def installed_version(*distributions: str) -> str:
    """Return the version of the first of these distributions that is installed, of any build of TensorFlow if none is
    named; empty where there is none, or one of a name that is not known.
    """
    if find_spec("tensorflow") is None:
        return ""
    for name in distributions or _BUILDS:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ""

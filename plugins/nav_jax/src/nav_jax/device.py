"""Devices of JAX, without importing it: it takes the GPU as it is imported."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from navcore.domain import DeviceKind

__all__ = ["device_of", "missing_jax"]

_CUDA_PLUGINS = ("jax_cuda13_plugin", "jax_cuda12_plugin")


def missing_jax(device: DeviceKind = DeviceKind.CPU) -> str | None:
    """Return what is not installed for a device, as `cause; fix`, or None."""
    for module in ("jax", "flatbuffers"):
        if find_spec(module) is None:
            return f"{module} is not installed; pip install nav-jax"
    if device is DeviceKind.CUDA and not any(find_spec(name) for name in _CUDA_PLUGINS):
        return (
            "jax is installed without its plugin for CUDA; pip install 'nav-jax[cuda]' on a machine with an NVIDIA GPU"
        )
    return None


def device_of(kind: DeviceKind) -> Any:
    """Return the first `jax.Device` of a kind.

    Raises:
        RuntimeError: JAX has none, though its plugin is installed.
    """
    import jax

    return jax.devices(kind.value)[0]

"""Plugin libraries of ONNX Runtime: which devices a provider that comes in one has here."""

from __future__ import annotations

import functools
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from nav_onnx.providers import Provider

__all__ = ["devices_of", "has_library", "why_no_device"]


def has_library(provider: Provider) -> bool:
    """Return whether the plugin library of a provider is installed."""
    return bool(provider.library) and find_spec(provider.library) is not None


def devices_of(provider: Provider) -> list[Any]:
    """Return the devices that the provider's library offers; the library is loaded first, once in a process."""
    import onnxruntime

    if not (found := _offered(onnxruntime, provider)):
        _load(provider)
        found = _offered(onnxruntime, provider)
    return found


def why_no_device(provider: Provider) -> str | None:
    """Return why the installed library of a provider gives no device, as `cause; fix`, or None where it does."""
    import onnxruntime

    if not hasattr(onnxruntime, "register_execution_provider_library"):
        return (
            f"onnxruntime {onnxruntime.__version__} cannot load the library {provider.library}; "
            "pip install --upgrade 'onnxruntime>=1.24'"
        )
    if devices_of(provider):
        return None
    if problem := _load(provider):
        return f"{provider.library} cannot be loaded: {problem}; install what it names, most often a driver"
    return (
        f"{provider.library} finds no device of its own on this machine; "
        "run it on the hardware that it is for, with its driver"
    )


def _offered(onnxruntime: Any, provider: Provider) -> list[Any]:
    mine = [device for device in onnxruntime.get_ep_devices() if device.ep_name == provider.name]
    return [device for device in mine if provider.hardware in ("", device.device.type.name)]


@functools.cache
def _load(provider: Provider) -> str:
    """Load the library for good, under the provider's name, and return why that failed; empty where it did not."""
    import onnxruntime

    # Unloading it would need the end of all sessions that use it, the user's own among them.
    try:
        path = import_module(provider.library).get_library_path()
        onnxruntime.register_execution_provider_library(provider.name, path)
    except Exception as error:  # a library may raise anything
        return " ".join(str(error).split("with error: ")[-1].split())
    return ""

"""Facts about torch and the GPU that results depend on."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["environment"]

_DRIVER = Path("/proc/driver/nvidia/version")


def environment() -> Mapping[str, str]:
    """Return the versions of torch, CUDA, TensorRT and the driver, the number of threads, and the name of the GPU.

    Where torch was not needed so far it is not imported: then its version is all.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        return {"torch": version("torch")}
    facts = {"torch": str(torch.__version__), "torch.threads": str(torch.get_num_threads())}
    if torch.cuda.is_available():
        facts["torch.cuda"] = str(torch.version.cuda)
        facts["cuda.device"] = str(torch.cuda.get_device_name())
        facts |= {"cuda.driver": _driver(), "tensorrt": _installed("tensorrt")}
    return {name: value for name, value in facts.items() if value}


def _installed(distribution: str) -> str:
    """Return the version of a distribution that may be installed, or nothing."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _driver() -> str:
    """Return the version of the NVIDIA driver where the kernel module tells it, or nothing."""
    text = _DRIVER.read_text(encoding="utf-8") if _DRIVER.is_file() else ""
    found = re.search(r"Kernel Module\D*(\d+(?:\.\d+)+)", text)
    return found.group(1) if found else ""

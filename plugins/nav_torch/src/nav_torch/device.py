"""Whether torch can use a GPU and a compiler here."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys

from navcore.domain import DeviceKind

__all__ = ["missing_compiler", "missing_device"]


def missing_device(devices: tuple[DeviceKind, ...]) -> str | None:
    """Return why torch cannot run on any of the devices, as `cause; fix`, or None if it can."""
    import torch

    if DeviceKind.CUDA not in devices or torch.cuda.is_available():
        return None
    if torch.version.cuda is None:
        return (
            f"this PyTorch ({torch.__version__}) is built without CUDA; "
            "install a CUDA build of torch on a machine with an NVIDIA GPU"
        )
    return "PyTorch sees no CUDA GPU; run on a machine with an NVIDIA GPU, and check its driver with nvidia-smi"


def missing_compiler(devices: tuple[DeviceKind, ...]) -> str | None:
    """Return what torch.compile lacks to generate code, as `cause; fix`, or None if it has it."""
    if DeviceKind.CUDA in devices and importlib.util.find_spec("triton") is None:
        return "torch.compile generates CUDA code through Triton, which is not installed; pip install triton"
    # As torch._inductor.config.cpp.cxx says; reading it there would import the compiler, which takes seconds.
    compiler = os.environ.get("CXX") or {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    if shutil.which(compiler) is None:
        return f"torch.compile needs a C++ compiler, and {compiler!r} is not on PATH; install g++ (apt install g++)"
    return None

"""The GPU and its driver, as NVIDIA's management library tells about them; CUDA itself is not started for that."""

from __future__ import annotations

import ctypes
import os
from typing import Any

import attrs

__all__ = ["Gpu", "find_gpu", "missing_gpu"]

_LIBRARY = "libnvidia-ml.so.1"
_NAME_BYTES = 96


@attrs.frozen
class Gpu:
    """The first GPU.

    Attributes:
        name: As the driver calls it.
        driver: Version of the driver.
        cuda: Newest CUDA that the driver takes.
    """

    name: str
    driver: str
    cuda: str


def missing_gpu() -> str | None:
    """Return why no GPU can be used here, as `cause; fix`, or None where there is one."""
    found = find_gpu()
    return found if isinstance(found, str) else None


def find_gpu() -> Gpu | str:
    """Return the GPU, or why there is none, as `cause; fix`."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return f"CUDA_VISIBLE_DEVICES={visible!r} hides every GPU; unset it"
    try:
        library = _load()
    except OSError:
        return (
            f"no NVIDIA driver is installed ({_LIBRARY} cannot be loaded); "
            "install one, or run this on a machine with an NVIDIA GPU"
        )
    if status := library.nvmlInit_v2():
        return f"the NVIDIA driver does not answer (NVML error {status}); run nvidia-smi to see why"
    try:
        return _first(library)
    finally:
        library.nvmlShutdown()


def _load() -> Any:
    return ctypes.CDLL(_LIBRARY)


def _first(library: Any) -> Gpu | str:
    count = ctypes.c_uint()
    if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) or not count.value:
        return (
            "the NVIDIA driver sees no GPU; run nvidia-smi to see what it sees, or start the container with --gpus all"
        )
    device, number = ctypes.c_void_p(), ctypes.c_int()
    name, driver = (ctypes.create_string_buffer(_NAME_BYTES) for _ in range(2))
    library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(device))
    library.nvmlDeviceGetName(device, name, _NAME_BYTES)
    library.nvmlSystemGetDriverVersion(driver, _NAME_BYTES)
    library.nvmlSystemGetCudaDriverVersion_v2(ctypes.byref(number))
    cuda = f"{number.value // 1000}.{number.value % 1000 // 10}"
    return Gpu(name.value.decode(errors="replace"), driver.value.decode(errors="replace"), cuda)

"""Facts about this machine that engines depend on."""

from __future__ import annotations

from collections.abc import Mapping

from nav_trt.gpu import find_gpu
from nav_trt.installed import installed

__all__ = ["environment"]


def environment() -> Mapping[str, str]:
    """Return the GPU, its driver and CUDA, the TensorRT, and the GPU that its engines are for."""
    facts: dict[str, str] = {}
    gpu, found = find_gpu(), installed()
    if not isinstance(gpu, str):
        facts |= {"gpu.name": gpu.name, "gpu.driver": gpu.driver, "gpu.cuda": gpu.cuda}
    if found is not None:
        facts["tensorrt.version"] = str(found)
        if found.rtx:  # it ends its work where it is run
            facts["tensorrt.gpu"] = "any"
        elif not isinstance(gpu, str):
            facts["tensorrt.gpu"] = gpu.name
    return facts

"""Runner TorchTensorRT: exported programs with TensorRT engines in them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from nav_torch.device import missing_device
from nav_torch.infer import infer_artifact
from nav_torch.within import within
from navcore.contracts import Infer, Model, Runner
from navcore.domain import DeviceKind
from navcore.formats import Format

__all__ = ["TorchTensorRTRunner", "load_engines", "missing_torchtrt"]


@attrs.frozen(kw_only=True)
class TorchTensorRTRunner(Runner):
    """Loads the program and its engines."""

    name: str = "TorchTensorRT"
    # Not torch_tensorrt itself: where there is no GPU, its import raises.
    imports: tuple[str, ...] = ("torch",)
    accepts: Format = Format.TORCH_TRT
    devices: tuple[DeviceKind, ...] = (DeviceKind.CUDA,)

    def unavailable(self) -> str | None:
        return missing_torchtrt()

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        import torch

        yield within(model.signature, infer_artifact(load_engines(model.path), model, torch.device(device.value)))


def load_engines(path: Path | None) -> Callable[..., Any]:
    """Return the program as a callable on CUDA tensors."""
    import torch
    import torch_tensorrt  # noqa: F401  # makes its operators known to torch

    loaded: Callable[..., Any] = torch.export.load(str(path)).module()
    return loaded


def missing_torchtrt() -> str | None:
    """Return why Torch-TensorRT cannot work here, as `cause; fix`, or None if it can."""
    # The GPU first: torch_tensorrt 2.13 raises an AssertionError when a torch without CUDA imports it.
    if missing := missing_device((DeviceKind.CUDA,)):
        return missing
    if importlib.util.find_spec("torch_tensorrt") is None:
        return "torch_tensorrt is not installed; pip install 'nav-torch[tensorrt]'"
    return None

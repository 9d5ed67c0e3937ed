"""Runners TorchScriptCPU and TorchScriptCUDA."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from nav_torch.device import missing_device
from nav_torch.infer import infer_artifact
from navcore.contracts import Infer, Model, Runner
from navcore.domain import DeviceKind
from navcore.formats import Format

__all__ = ["TorchScriptRunner", "missing_jit"]


@attrs.frozen(kw_only=True)
class TorchScriptRunner(Runner):
    """Loads the file and runs it."""

    imports: tuple[str, ...] = ("torch",)
    accepts: Format = Format.TORCHSCRIPT

    def unavailable(self) -> str | None:
        return missing_device(self.devices) or missing_jit()

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        import torch

        with warnings.catch_warnings():
            # torch.jit is deprecated since torch 2.9, and unavailable() says when it is gone. Drop with this runner.
            warnings.simplefilter("ignore", DeprecationWarning)
            module = torch.jit.load(model.path, map_location=device.value).eval()
        yield infer_artifact(module, model, torch.device(device.value))


def missing_jit() -> str | None:
    """Return that this torch has no TorchScript any more, as `cause; fix`, or None if it has."""
    import torch

    if hasattr(torch, "jit") and hasattr(torch.jit, "trace") and hasattr(torch.jit, "load"):
        return None
    return f"PyTorch {torch.__version__} has no torch.jit; use torch-exportedprogram, or install torch<=2.13"

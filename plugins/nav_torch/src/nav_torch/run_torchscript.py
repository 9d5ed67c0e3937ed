"""Runners TorchScriptCPU and TorchScriptCUDA: the file as it is, and frozen."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from nav_torch.kept import contents_kept
from nav_torch.loaded import LoadedRunner
from nav_torch.reads import script_only_reads
from navcore.contracts import Infer, Model
from navcore.domain import DeviceKind
from navcore.formats import Format

__all__ = ["TorchScriptRunner", "missing_jit", "torchscript_runners"]

_SETTLING_CALLS = 2


@attrs.frozen(kw_only=True)
class TorchScriptRunner(LoadedRunner):
    """Loads the file and runs it.

    Attributes:
        frozen: Whether parameters become constants after loading, and what follows from them is prepared for
            inference. Such a module cannot be saved again (torch 2.13), so that this is no edge.
    """

    accepts: Format = Format.TORCHSCRIPT
    frozen: bool = False

    def unavailable(self) -> str | None:
        return super().unavailable() or missing_jit()

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        import torch

        target = torch.device(device.value)
        with warnings.catch_warnings():
            # torch.jit is deprecated since torch 2.9, and unavailable() says when it is gone. Drop with this runner.
            warnings.simplefilter("ignore", DeprecationWarning)
            loaded = torch.jit.load(model.path, map_location=target).eval()
            module = torch.jit.optimize_for_inference(torch.jit.freeze(loaded)) if self.frozen else loaded
        # By the loaded module: a frozen one lists no buffers, but shares those that change with the one it came from.
        with contents_kept(loaded):
            _settle(self.infer(module, model, target), model)
        del loaded
        yield self.infer(module, model, target, only_reads=script_only_reads(module))


def _settle(infer: Infer, model: Model) -> None:
    """Call the module until its executor has profiled and optimised it, which no timed call should pay for."""
    for feeds in model.examples[:1] * _SETTLING_CALLS:
        infer(feeds)


def torchscript_runners(device: DeviceKind) -> Iterator[TorchScriptRunner]:
    """Yield the runners for a device."""
    plain = TorchScriptRunner(name=f"TorchScript{device.name}", devices=(device,))
    yield plain
    yield attrs.evolve(plain, name=f"{plain.name}-frozen", frozen=True)


def missing_jit() -> str | None:
    """Return that this torch has no TorchScript any more, as `cause; fix`, or None if it has."""
    import torch

    if hasattr(torch, "jit") and hasattr(torch.jit, "trace") and hasattr(torch.jit, "load"):
        return None
    return f"PyTorch {torch.__version__} has no torch.jit; use torch-exportedprogram, or install torch<=2.13"

"""TorchScript, by tracing: the path that the first example takes through the module."""

from __future__ import annotations

import warnings
from pathlib import Path

import attrs

from nav_torch.flat import example_tensors, flat_module
from nav_torch.run_torchscript import missing_jit
from nav_torch.untouched import untouched
from navcore.contracts import Exporter, Model
from navcore.domain import Signature
from navcore.formats import Format

__all__ = ["TorchScriptExporter"]


@attrs.frozen(kw_only=True)
class TorchScriptExporter(Exporter):
    """Writes a trace. Branches that depend on data are frozen as the example takes them; comparing finds that out."""

    name: str = "torchscript"
    source: Format = Format.TORCH
    target: Format = Format.TORCHSCRIPT

    def unavailable(self) -> str | None:
        return missing_jit()

    def write(self, model: Model, out: Path) -> Signature:
        import torch

        with untouched(model.object), warnings.catch_warnings():
            # torch.jit is deprecated since torch 2.9, and unavailable() says when it is gone; tracing also warns of
            # every Python value that it freezes, which comparing checks. Drop with this exporter.
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
            # check_trace would run the module twice more, at the same shapes: less than what comparing does anyway.
            traced = torch.jit.trace(flat_module(model), example_tensors(model), strict=False, check_trace=False)
            torch.jit.save(traced, out)
        return model.signature

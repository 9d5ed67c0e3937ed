"""torch.export: a graph with the guards that it was recorded under."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from nav_torch.export_error import explained
from nav_torch.flat import example_tensors, flat_module
from nav_torch.save_program import save_program
from nav_torch.untouched import untouched
from navcore.contracts import Exporter, Model
from navcore.domain import Signature
from navcore.formats import Format

__all__ = ["ExportedProgramExporter"]


@attrs.frozen(kw_only=True)
class ExportedProgramExporter(Exporter):
    """Writes an exported program in which every named dimension may vary."""

    name: str = "torch-exportedprogram"
    source: Format = Format.TORCH
    target: Format = Format.TORCH_EXPORTEDPROGRAM

    def write(self, model: Model, out: Path) -> Signature:
        import torch

        with untouched(model.object), explained("torch.export", model.object):
            program = torch.export.export(
                flat_module(model), example_tensors(model), dynamic_shapes=_dynamic_shapes(model.signature)
            )
            save_program(program, out)
        return model.signature


def _dynamic_shapes(signature: Signature) -> Any:
    """Return which axes of each input may vary.

    `Dim.DYNAMIC` and not a Dim with bounds: torch then finds the bounds in the model (a position table ends at 512),
    where named ones are refused with `Constraints violated`. Unlike `Dim.AUTO` it never makes an axis static.
    """
    import torch

    dynamic = torch.export.Dim.DYNAMIC
    return tuple(
        {axis: dynamic for axis, dimension in enumerate(spec.shape) if isinstance(dimension, str)}
        for spec in signature.inputs
    )

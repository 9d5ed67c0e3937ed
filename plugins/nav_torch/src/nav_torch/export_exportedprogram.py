"""torch.export: a graph with the guards that it was recorded under."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from nav_torch.beyond import beyond_torch_export
from nav_torch.export_error import explained
from nav_torch.flat import example_tensors, flat_module
from nav_torch.infer import infer_artifact, infer_live
from nav_torch.proof import prove
from nav_torch.ranges import found_ranges
from nav_torch.save_program import save_program
from nav_torch.sizes import ordered_examples
from nav_torch.tensors import device_of
from nav_torch.untouched import untouched
from navcore.configs import Arguments, thawed_arguments
from navcore.contracts import Exporter, Model
from navcore.domain import Signature
from navcore.formats import Format

__all__ = ["ExportedProgramExporter", "dynamic_axes"]


@attrs.frozen(kw_only=True)
class ExportedProgramExporter(Exporter):
    """Writes an exported program in which every named dimension may vary, in the range that torch found.

    Attributes:
        custom_args: Further arguments for torch.export.export. With `strict=True` it cannot follow what makes the
            module's arguments of flat tensors (torch 2.13).
    """

    name: str = "torch-exportedprogram"
    source: Format = Format.TORCH
    target: Format = Format.TORCH_EXPORTEDPROGRAM
    custom_args: Arguments = ()

    def unsuited(self, model: Model) -> str | None:
        return beyond_torch_export(model.object)

    def write(self, model: Model, out: Path) -> Signature:
        import torch

        arguments = {"dynamic_shapes": dynamic_axes(model.signature), **thawed_arguments(self.custom_args)}
        with untouched(model.object):
            with explained("torch.export", model.object, model.signature):
                program = torch.export.export(flat_module(model), example_tensors(model), **arguments)
                save_program(program, out)
            device = device_of(model.object)
            return prove(
                model.signature,
                ordered_examples(model),
                infer_live(model.object, model.call, device),
                infer_artifact(torch.export.load(out).module(), model, device),
                found=found_ranges(program, model.signature),
                ends=device.type == "cpu",
            )


def dynamic_axes(signature: Signature) -> tuple[dict[int, Any], ...]:
    """Return which axes of each input may vary.

    `Dim.DYNAMIC` and not a Dim with bounds: torch then finds the bounds in the model (a position table ends at 512),
    where named ones are refused with `Constraints violated`. `Dim.AUTO` finds the same bounds, and in one case more it
    gives a program: where the model fixes a dimension, which it makes static (torch 2.13). Such a program takes one
    size, which is no use where sizes are known to vary.
    """
    import torch

    dynamic = torch.export.Dim.DYNAMIC
    return tuple(
        {axis: dynamic for axis, dimension in enumerate(spec.shape) if isinstance(dimension, str)}
        for spec in signature.inputs
    )

"""Converts an exported program to ONNX, where exporting the module itself did not give any."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import attrs

from nav_torch.beyond import beyond_onnx
from nav_torch.export_error import explained
from nav_torch.export_onnx import OPSET, check_opset, quiet_onnx, save, unguarded
from nav_torch.infer import infer_artifact
from nav_torch.onnx_file import MOST_EMBEDDED_BYTES, Axes, dynamic_axes_of, finish
from nav_torch.proof import prove
from nav_torch.run_exportedprogram import program_device
from nav_torch.sizes import ordered_examples
from navcore.configs import Arguments, thawed_arguments
from navcore.contracts import Converter, Model
from navcore.domain import Signature
from navcore.formats import Format

__all__ = ["ExportedProgramOnnxConverter"]


@attrs.frozen(kw_only=True)
class ExportedProgramOnnxConverter(Converter):
    """Writes an ONNX file whose dynamic axes have the signature's names.

    Attributes:
        opset, most_embedded_bytes, custom_args: As for the exporter `onnx`.
        dynamic_axes: Taken where they are the program's; it varies in those that it was exported with.
    """

    engine: ClassVar[str] = "dynamo"
    name: str = "onnx"
    imports: tuple[str, ...] = ("torch",)
    source: Format = Format.TORCH_EXPORTEDPROGRAM
    target: Format = Format.ONNX
    fallback: bool = True
    opset: int = attrs.field(default=OPSET, validator=check_opset(18, 23))
    dynamic_axes: Axes | None = None
    most_embedded_bytes: int = MOST_EMBEDDED_BYTES
    custom_args: Arguments = ()

    def unsuited(self, model: Model) -> str | None:
        return beyond_onnx(model)

    def write(self, model: Model, out: Path) -> Signature:
        import torch

        program = torch.export.load(model.path)
        arguments = {
            "dynamic_shapes": dynamic_axes_of(model.signature, None),  # names alone: what varies is settled
            "input_names": model.signature.input_names,
            "output_names": model.signature.output_names,
            "opset_version": self.opset,
            "verbose": False,
            **thawed_arguments(self.custom_args),
        }
        with explained("torch.onnx.export"), quiet_onnx(), torch.no_grad():
            made = torch.onnx.export(program, (), dynamo=True, **arguments)
            save(made, out, self.most_embedded_bytes)
        finish(out, model.signature)
        # There is no runtime for the file here: the program that it was translated from is run in its place.
        device = program_device(program)
        return prove(
            model.signature,
            ordered_examples(model),
            infer_artifact(program.module(), model, device),
            infer_artifact(unguarded(made.exported_program), model, device),
        )

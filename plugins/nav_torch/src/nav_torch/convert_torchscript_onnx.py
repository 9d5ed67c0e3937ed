"""Converts TorchScript to ONNX, where exporting the module itself did not give any: its control flow is kept."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import attrs

from nav_torch.beyond import beyond_onnx
from nav_torch.export_error import explained
from nav_torch.export_onnx import OPSET, check_opset
from nav_torch.export_onnx_trace import TRACE_IS_DEPRECATED, TRACE_OPSETS, missing_trace_exporter, write_by_trace
from nav_torch.export_torchscript import quiet_jit
from nav_torch.onnx_file import MOST_EMBEDDED_BYTES, Axes
from nav_torch.sizes import ordered_examples
from nav_torch.tensors import device_of, to_tensor
from navcore.configs import Arguments
from navcore.contracts import Converter, Model
from navcore.domain import Signature
from navcore.formats import Format

__all__ = ["TorchScriptOnnxConverter"]


@attrs.frozen(kw_only=True)
class TorchScriptOnnxConverter(Converter):
    """Writes an ONNX file of what the TorchScript does.

    Attributes:
        opset, dynamic_axes, most_embedded_bytes, custom_args: As for the exporter `onnx-trace`.
    """

    engine: ClassVar[str] = "trace"
    name: str = "onnx"
    imports: tuple[str, ...] = ("torch",)
    source: Format = Format.TORCHSCRIPT
    target: Format = Format.ONNX
    fallback: bool = True
    deprecated: str = TRACE_IS_DEPRECATED
    opset: int = attrs.field(default=OPSET, validator=check_opset(*TRACE_OPSETS))
    dynamic_axes: Axes | None = None
    most_embedded_bytes: int = MOST_EMBEDDED_BYTES
    custom_args: Arguments = ()

    def unavailable(self) -> str | None:
        return missing_trace_exporter()

    def unsuited(self, model: Model) -> str | None:
        return beyond_onnx(model)

    def write(self, model: Model, out: Path) -> Signature:
        import torch

        with quiet_jit():
            module = torch.jit.load(model.path).eval()
        device, feeds = device_of(module), ordered_examples(model)[0]
        example = tuple(to_tensor(feeds[name], device) for name in model.signature.input_names)
        with explained("torch.onnx.export(dynamo=False)"):
            write_by_trace(self, module, example, model.signature, out)
        return model.signature

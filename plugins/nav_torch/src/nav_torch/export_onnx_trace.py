"""ONNX, through the exporter that is built on tracing; it writes some models that the other one does not."""

from __future__ import annotations

import inspect
import os
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import attrs

from nav_torch.beyond import beyond_onnx
from nav_torch.export_error import explained
from nav_torch.export_onnx import OPSET, check_opset
from nav_torch.export_onnx_file import OnnxFileExporter
from nav_torch.export_torchscript import proven, quiet_jit, traced
from nav_torch.flat import example_tensors, flat_module
from nav_torch.onnx_file import MOST_EMBEDDED_BYTES, Axes, dynamic_axes_of, finish, put_weights_beside
from nav_torch.onnx_weights import WITHOUT_WEIGHTS, put_weights, without_weights
from nav_torch.untouched import untouched
from nav_torch.weights import weights_bytes
from navcore.configs import Arguments, thawed_arguments
from navcore.contracts import Exporter, Model
from navcore.domain import Signature
from navcore.formats import Format

__all__ = [
    "TRACE_IS_DEPRECATED",
    "TRACE_OPSETS",
    "OnnxTraceExporter",
    "missing_trace_exporter",
    "write_by_trace",
]

TRACE_IS_DEPRECATED = "torch.onnx.export(dynamo=False) is deprecated since PyTorch 2.9"

TRACE_OPSETS = (9, 20)
"""Before opset 9 weights are inputs; operators of later ones than 20 are unknown to the exporter."""


@attrs.frozen(kw_only=True)
class OnnxTraceExporter(Exporter):
    """Writes an ONNX file of the path that an example takes through the module.

    Attributes:
        opset: Version of the ONNX operators.
        dynamic_axes: Axes that vary besides those of the signature.
        most_embedded_bytes: Weights that are larger go into a second file beside it.
        custom_args: Further arguments for torch.onnx.export.
    """

    engine: ClassVar[str] = "trace"
    name: str = "onnx-trace"
    source: Format = Format.TORCH
    target: Format = Format.ONNX
    fallback: bool = True
    deprecated: str = TRACE_IS_DEPRECATED
    opset: int = attrs.field(default=OPSET, validator=check_opset(*TRACE_OPSETS))
    dynamic_axes: Axes | None = None
    most_embedded_bytes: int = MOST_EMBEDDED_BYTES
    custom_args: Arguments = ()

    def unavailable(self) -> str | None:
        return missing_trace_exporter()

    def from_file(self, path: str | os.PathLike[str]) -> OnnxFileExporter:
        """Return an exporter that takes the file in place of making one."""
        return OnnxFileExporter(path=os.fspath(path))

    def unsuited(self, model: Model) -> str | None:
        return beyond_onnx(model)

    def write(self, model: Model, out: Path) -> Signature:
        with untouched(model.object), quiet_jit():
            # There is no runtime for the file here: a trace, which the exporter makes too, is run in its place.
            signature = proven(model, traced(model))
            with explained("torch.onnx.export(dynamo=False)", model.object):
                write_by_trace(self, flat_module(model), example_tensors(model), model.signature, out)
        return signature


def write_by_trace(tool: Any, module: Any, example: tuple[Any, ...], signature: Signature, out: Path) -> None:
    """Write what the older exporter makes of a module, or of TorchScript, that takes flat tensors.

    Args:
        tool: With `opset`, `dynamic_axes`, `most_embedded_bytes` and `custom_args`.
        module, example, signature: What to export.
        out: The file.
    """
    import torch

    axes = dynamic_axes_of(signature, tool.dynamic_axes)
    apart = weights_bytes(module) > tool.most_embedded_bytes
    arguments = {
        # Not those of outputs, which it infers: what it would be told there, it would not check.
        "dynamic_axes": dict(zip(signature.input_names, axes, strict=True)),
        "input_names": list(signature.input_names),
        "output_names": list(signature.output_names),
        "opset_version": tool.opset,
        **(WITHOUT_WEIGHTS if apart else {}),
        **thawed_arguments(tool.custom_args),
    }
    with quiet_jit(), torch.no_grad(), without_weights() if apart else nullcontext():
        torch.onnx.export(module, example, str(out), dynamo=False, **arguments)
    if apart:
        put_weights(out, module.state_dict(), signature.input_names)
    if out.stat().st_size > tool.most_embedded_bytes:
        put_weights_beside(out)
    finish(out, signature)


def missing_trace_exporter() -> str | None:
    """Return that this torch has no such exporter any more, as `cause; fix`, or None if it has."""
    import torch.onnx

    if "dynamo" in inspect.signature(torch.onnx.export).parameters and _has_older_one():
        return None
    return f"PyTorch {torch.__version__} has no ONNX exporter that traces; use onnx, or install torch<=2.13"


def _has_older_one() -> bool:
    return find_spec("torch.onnx.utils") is not None

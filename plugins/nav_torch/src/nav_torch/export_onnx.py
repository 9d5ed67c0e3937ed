"""ONNX, through the exporter that is built on torch.export."""

from __future__ import annotations

import inspect
import itertools
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import attrs

from nav_torch.beyond import beyond_onnx, beyond_torch_export
from nav_torch.export_error import explained
from nav_torch.export_onnx_file import OnnxFileExporter
from nav_torch.flat import example_tensors, flat_module
from nav_torch.infer import infer_artifact, infer_live
from nav_torch.onnx_file import IR_VERSION, MOST_EMBEDDED_BYTES, Axes, dynamic_axes_of, finish
from nav_torch.proof import prove
from nav_torch.ranges import found_ranges
from nav_torch.sizes import ordered_examples
from nav_torch.tensors import device_of
from nav_torch.untouched import untouched
from navcore.configs import Arguments, thawed_arguments
from navcore.contracts import Exporter, Model
from navcore.domain import Signature
from navcore.formats import Format

__all__ = ["OPSET", "OnnxExporter", "check_opset", "quiet_onnx", "save", "unguarded"]

OPSET = 20
"""PyTorch's own default: the first that has Gelu as one operator, and read by every runtime here since its floor."""


def check_opset(oldest: int, newest: int) -> Any:
    """Return a validator of an opset: a whole number in the range."""

    def check(_tool: object, _attribute: object, value: object) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not oldest <= value <= newest:
            raise ValueError(f"opset={value!r}: give a version from {oldest} to {newest}")

    return check


@attrs.frozen(kw_only=True)
class OnnxExporter(Exporter):
    """Writes an ONNX file whose dynamic axes have the signature's names.

    Attributes:
        opset: Version of the ONNX operators. The exporter writes no older one than 18, and 23 is the newest that
            IR version 10 has room for.
        dynamic_axes: Axes that vary besides those of the signature.
        most_embedded_bytes: Weights that are larger go into a second file beside it.
        custom_args: Further arguments for torch.onnx.export.
    """

    engine: ClassVar[str] = "dynamo"
    name: str = "onnx"
    source: Format = Format.TORCH
    target: Format = Format.ONNX
    opset: int = attrs.field(default=OPSET, validator=check_opset(18, 23))
    dynamic_axes: Axes | None = None
    most_embedded_bytes: int = MOST_EMBEDDED_BYTES
    custom_args: Arguments = ()

    def from_file(self, path: str | os.PathLike[str]) -> OnnxFileExporter:
        """Return an exporter that takes the file in place of making one."""
        return OnnxFileExporter(path=os.fspath(path))

    def unsuited(self, model: Model) -> str | None:
        return beyond_torch_export(model.object) or beyond_onnx(model)

    def write(self, model: Model, out: Path) -> Signature:
        import torch

        arguments = {
            "dynamic_shapes": dynamic_axes_of(model.signature, self.dynamic_axes),
            "input_names": model.signature.input_names,
            "output_names": model.signature.output_names,
            "opset_version": self.opset,
            "verbose": False,
            **thawed_arguments(self.custom_args),
        }
        with untouched(model.object):
            with explained("torch.onnx.export", model.object, model.signature), quiet_onnx():
                program = torch.onnx.export(flat_module(model), example_tensors(model), dynamo=True, **arguments)
                save(program, out, self.most_embedded_bytes)
            finish(out, model.signature)
            # There is no runtime for the file here: the program that it was translated from is run in its place.
            device = device_of(model.object)
            return prove(
                model.signature,
                ordered_examples(model),
                infer_live(model.object, model.call, device),
                infer_artifact(unguarded(program.exported_program), model, device),
                found=found_ranges(program.exported_program, model.signature),
                ends=device.type == "cpu",
            )


def save(program: Any, out: Path, most_embedded_bytes: int) -> None:
    """Write an ONNXProgram; torch hands large weights to the disk without a copy."""
    program.model.ir_version = min(program.model.ir_version, IR_VERSION)
    _keep_names_apart(program.model.graph)
    size = sum(value.const_value.nbytes for value in program.model.graph.initializers.values() if value.const_value)
    program.save(str(out), external_data=size > most_embedded_bytes)


def _keep_names_apart(graph: Any) -> None:
    """Rename what has the name of an input or output and is none.

    torch 2.13 gives inputs and outputs the names that it is told to without a look at others: an output that the user
    calls `relu` is then made twice. Drop when torch.onnx.export does.
    """
    ends = (*graph.inputs, *graph.outputs)
    inside = [*graph.initializers.values(), *(value for node in graph.all_nodes() for value in node.outputs)]
    taken, used = {value.name for value in ends}, {value.name for value in (*ends, *inside)}
    for value in inside:
        if value.name in taken and all(value is not end for end in ends):
            others = (f"{value.name}_inside_{number}" for number in itertools.count())
            value.name = next(name for name in others if name not in used)
            used.add(value.name)


def unguarded(program: Any) -> Any:
    """Return the exported program as a module that checks no guards, as ONNX has none either."""
    # Before torch 2.10 there is no such option, and no guards in the module either.
    options = {"check_guards": False} if "check_guards" in inspect.signature(program.module).parameters else {}
    return program.module(**options)


@contextmanager
def quiet_onnx() -> Iterator[None]:
    """Keep torch 2.13 from saying what is no news to the user; drop what a later floor no longer says.

    It logs one line per torchvision operator where torchvision is not installed, and warns where two axes share a
    name, as they are meant to.
    """
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "# The axis name: ", UserWarning)
            warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)
            yield
    finally:
        logger.setLevel(level)

"""ONNX, through the exporter that is built on torch.export."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from nav_torch.export_error import explained
from nav_torch.flat import example_tensors, flat_module
from nav_torch.untouched import untouched
from nav_torch.weights import LARGE_BYTES, weights_bytes
from navcore.contracts import Exporter, Model
from navcore.domain import Signature
from navcore.formats import Format

__all__ = ["OnnxExporter"]

_IR_VERSION = 10
"""ONNX Runtime 1.31 reads up to 13, older ones less; 10 holds every opset that can be asked for here."""


@attrs.frozen(kw_only=True)
class OnnxExporter(Exporter):
    """Writes an ONNX file whose dynamic axes have the signature's names.

    Attributes:
        opset: Version of the ONNX operators. The exporter writes no older one than 18, and 23 is the newest that
            IR version 10 has room for.
        most_embedded_bytes: Weights that are larger go into a second file beside it, one after the other. Those inside
            are in memory three times while the file is written, and a protobuf message ends at 2 GiB.
    """

    name: str = "onnx"
    source: Format = Format.TORCH
    target: Format = Format.ONNX
    opset: int = attrs.field(default=18)
    most_embedded_bytes: int = LARGE_BYTES

    @opset.validator
    def _check_opset(self, _attribute: object, value: int) -> None:
        if not isinstance(value, int) or not 18 <= value <= 23:
            raise ValueError(f"opset={value!r}: give a version from 18 to 23")

    def write(self, model: Model, out: Path) -> Signature:
        import onnx
        import torch

        with untouched(model.object), explained("torch.onnx.export", model.object), _quiet():
            program = torch.onnx.export(
                flat_module(model),
                example_tensors(model),
                dynamo=True,
                dynamic_shapes=_dynamic_shapes(model.signature),
                input_names=model.signature.input_names,
                output_names=model.signature.output_names,
                opset_version=self.opset,
                verbose=False,
            )
        program.model.ir_version = min(program.model.ir_version, _IR_VERSION)
        program.save(str(out), external_data=weights_bytes(model.object) > self.most_embedded_bytes)
        onnx.checker.check_model(str(out))
        return model.signature


@contextmanager
def _quiet() -> Iterator[None]:
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


def _dynamic_shapes(signature: Signature) -> Any:
    """Return the name of each axis that may vary, for each input.

    torch exports named axes with `Dim.DYNAMIC` and then renames them in the graph: unlike a Dim of that name, it finds
    the bounds in the model, and an axis never becomes static.
    """
    return tuple(
        {axis: dimension for axis, dimension in enumerate(spec.shape) if isinstance(dimension, str)}
        for spec in signature.inputs
    )

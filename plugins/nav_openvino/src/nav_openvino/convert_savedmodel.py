"""Converts SavedModel folders of TensorFlow to OpenVINO IR, without TensorFlow."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

from nav_openvino.name_inputs import name_inputs
from nav_openvino.tensors import names_of
from nav_openvino.without_telemetry import load_openvino, missing_openvino
from navcore.contracts import Converter, Model
from navcore.domain import Signature, TensorSpec
from navcore.errors import NavError
from navcore.formats import Format
from navcore.keywords import checked_options

__all__ = ["ConversionError", "SavedModelConverter"]

_STABLEHLO = b"XlaCallModule"
"""The operator of TensorFlow that holds StableHLO, as JAX writes it."""


class ConversionError(NavError):
    """OpenVINO has read another model than the one that was given."""


@checked_options
@attrs.frozen(kw_only=True)
class SavedModelConverter(Converter):
    """Writes the `.xml` and its `.bin` of the signature `serving_default`; weights keep their precision."""

    name: str = "openvino-ir"
    source: Format = Format.TF_SAVEDMODEL
    target: Format = Format.OPENVINO_IR

    def unavailable(self) -> str | None:
        return missing_openvino()

    def unsuited(self, model: Model) -> str | None:
        if model.path is not None and _holds_stablehlo(model.path / "saved_model.pb"):
            return (
                "the SavedModel holds StableHLO that JAX wrote, in the operator XlaCallModule, which OpenVINO cannot "
                "read; export the JAX function to ONNX instead"
            )
        return None

    def write(self, model: Model, out: Path) -> Signature:
        openvino = load_openvino()
        # Not openvino.convert_model, which reports each conversion over the network; the result is the same.
        converted = openvino.Core().read_model(str(model.path))
        _check_outputs(model.signature.outputs, converted.outputs)
        name_inputs(converted, model.signature)
        _check_sizes((*model.signature.inputs, *model.signature.outputs), (*converted.inputs, *converted.outputs))
        openvino.save_model(converted, str(out), compress_to_fp16=False)
        return model.signature


def _holds_stablehlo(graph: Path) -> bool:
    """Return whether the graph has the operator; its name stands in the file as it is."""
    if not graph.is_file() or not graph.stat().st_size:
        return False
    with graph.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(_STABLEHLO) >= 0


def _check_outputs(specs: Iterable[TensorSpec], ports: Iterable[Any]) -> None:
    """Refuse what lost an output.

    Raises:
        ConversionError: One is lost.
    """
    found = {name for port in ports for name in names_of(port)}
    for spec in specs:
        if spec.name not in found:
            raise ConversionError(
                f"OpenVINO found no output {spec.name!r} in the SavedModel, only {', '.join(sorted(found))}",
                "give the SavedModel a signature serving_default with this output",
            )


def _check_sizes(specs: Iterable[TensorSpec], ports: Iterable[Any]) -> None:
    """Refuse what fixed a size of those that vary.

    Raises:
        ConversionError: One is fixed.
    """
    shapes = {name: port.get_partial_shape() for port in ports for name in names_of(port)}
    for spec in specs:
        shape = shapes.get(spec.name)
        for axis, size in enumerate(spec.shape):
            if isinstance(size, str) and shape is not None and shape.rank.is_static and shape[axis].is_static:
                raise ConversionError(
                    f"{size} was baked in: {spec.name} is {shape.to_string()} in the converted model",
                    "take sizes from tf.shape(tensor) in the model, not from tensor.shape",
                )

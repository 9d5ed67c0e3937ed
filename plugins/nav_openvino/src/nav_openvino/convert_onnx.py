"""Converts ONNX to OpenVINO IR."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from nav_openvino.tensors import element_type
from nav_openvino.without_telemetry import load_openvino, missing_openvino
from navcore.contracts import Converter, Model
from navcore.domain import Signature, TensorSpec
from navcore.formats import Format

__all__ = ["OpenVINOConverter"]


@attrs.frozen(kw_only=True)
class OpenVINOConverter(Converter):
    """Writes the `.xml` and its `.bin`; weights keep their precision."""

    name: str = "openvino-ir"
    source: Format = Format.ONNX
    target: Format = Format.OPENVINO_IR

    def unavailable(self) -> str | None:
        return missing_openvino()

    def write(self, model: Model, out: Path) -> Signature:
        openvino = load_openvino()
        # Not openvino.convert_model, which reports each conversion over the network; the result is the same.
        converted = openvino.Core().read_model(str(model.path))
        for index, name in enumerate(model.signature.output_names):
            converted.output(index).get_tensor().add_names({name})
        _name_inputs(converted, model.signature)
        openvino.save_model(converted, str(out), compress_to_fp16=False)
        return model.signature


def _name_inputs(converted: Any, signature: Signature) -> None:
    """Give the converted model the inputs of the signature by name, those that the conversion changed as well.

    An input that is an output as well has lost its name to the output. One that holds nothing, because one of its sizes
    is 0, has become a constant.
    """
    known = {name for port in converted.inputs for name in port.get_names()}
    renamed = [port for port in converted.inputs if not port.get_names() & set(signature.input_names)]
    for spec in signature.inputs:
        if spec.name in known:
            continue
        port = next((port for port in renamed if _fits(port, spec)), None)
        if port is None:
            converted.add_parameters([_parameter(spec)])
        else:
            renamed.remove(port)
            # Of the names of a tensor that is an output too, IR keeps those of the output; the operator keeps its own.
            port.get_node().set_friendly_name(spec.name)


def _fits(port: Any, spec: TensorSpec) -> bool:
    rank = port.get_partial_shape().rank
    if rank.is_dynamic or rank.get_length() != len(spec.shape):
        return False
    return bool(port.get_element_type() == element_type(spec.dtype))


def _parameter(spec: TensorSpec) -> Any:
    import openvino

    sizes = [size if isinstance(size, int) else -1 for size in spec.shape]
    parameter = openvino.op.Parameter(element_type(spec.dtype), openvino.PartialShape(sizes))
    parameter.set_friendly_name(spec.name)
    parameter.output(0).get_tensor().set_names({spec.name})
    return parameter

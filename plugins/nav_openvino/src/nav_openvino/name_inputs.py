"""Names of inputs that a conversion to OpenVINO has lost."""

from __future__ import annotations

from typing import Any

from nav_openvino.tensors import element_type
from navcore.domain import Signature, TensorSpec

__all__ = ["name_inputs"]


def name_inputs(converted: Any, signature: Signature) -> None:
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

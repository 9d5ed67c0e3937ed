"""What tf2onnx gave, made valid, with the names and sizes of the signature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from navcore.domain import Signature, TensorSpec
from navcore.errors import NavError

__all__ = ["OPSETS", "ConversionError", "completed", "unwritten_opset"]

OPSETS = (15, 18)
"""From the first with CastLike, which `_without_erfc` needs, to the last that tf2onnx writes (1.17)."""

_IR_VERSION = 10
"""Read by every runtime here."""


class ConversionError(NavError):
    """What was converted is another model than the one that was given, or no valid one."""


def unwritten_opset(opset: int) -> str | None:
    """Return why a version of the ONNX operators is not written, as one sentence; None where it is."""
    if OPSETS[0] <= opset <= OPSETS[1]:
        return None
    return f"tf2onnx writes the opsets {OPSETS[0]} to {OPSETS[1]} here, and opset={opset} was asked for"


def completed(made: Any, signature: Signature) -> Any:
    """Return the `onnx.ModelProto` with valid operators, and the dimensions' names of the signature.

    Args:
        made: As tf2onnx gives it; its inputs and outputs have the signature's names. It is changed.

    Raises:
        ConversionError: There is an operator that ONNX lacks, an output is missing, or a size that varies is fixed.
    """
    _without_erfc(made.graph)
    if unknown := sorted({node.op_type for node in _nodes(made.graph) if not _is_known(node)}):
        # tf2onnx logs them, and writes the file all the same (tf2onnx 1.17).
        raise ConversionError(
            f"tf2onnx has no translation of the operator{'s' if len(unknown) > 1 else ''} {', '.join(unknown)}",
            "use another operation in the model, or another route",
        )
    # Names such as unk__72, one for each place.
    del made.graph.value_info[:]
    made.ir_version = min(made.ir_version, _IR_VERSION)
    for specs, values, side in (
        (signature.inputs, made.graph.input, "input"),
        (signature.outputs, made.graph.output, "output"),
    ):
        found = {value.name: value for value in values}
        for spec in specs:
            if spec.name in found:
                _name_dimensions(spec, found[spec.name])
            elif side == "input":  # one that nothing depends on
                values.append(_value(spec))
            else:
                raise ConversionError(
                    f"the ONNX model has no output {spec.name!r}, only {', '.join(sorted(found))}",
                    "give the SavedModel a signature serving_default with this output",
                )
    return made


def _without_erfc(graph: Any) -> None:
    """Write `1 - Erf(x)` for `Erfc(x)`, in which Keras computes an exact GELU.

    tf2onnx has no handler for it, and leaves it as it is (tf2onnx 1.17). Drop this when its table of supported
    operators has Erfc.
    """
    from onnx import helper

    for node in [node for node in graph.node if node.op_type == "Erfc"]:
        (value,), (result,) = node.input, node.output
        one, typed, erf = (f"{result}__{part}" for part in ("one", "typed_one", "erf"))
        scalar = helper.make_tensor(one, 1, (), (1.0,))
        replacement = (
            helper.make_node("Erf", [value], [erf]),
            helper.make_node("Constant", [], [one], value=scalar),
            helper.make_node("CastLike", [one, value], [typed]),
            helper.make_node("Sub", [typed, erf], [result], name=node.name),
        )
        place = list(graph.node).index(node)
        del graph.node[place]
        for offset, each in enumerate(replacement):
            graph.node.insert(place + offset, each)
    for inner in _inner_graphs(graph):
        _without_erfc(inner)


def _inner_graphs(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.g,) if attribute.HasField("g") else attribute.graphs


def _nodes(graph: Any) -> Iterator[Any]:
    yield from graph.node
    for inner in _inner_graphs(graph):
        yield from _nodes(inner)


def _is_known(node: Any) -> bool:
    from onnx import defs

    return bool(defs.has(node.op_type, node.domain))


def _name_dimensions(spec: TensorSpec, value: Any) -> None:
    shape = value.type.tensor_type.shape
    if len(shape.dim) != len(spec.shape):  # tf2onnx leaves out what TensorFlow does not know
        value.CopyFrom(_value(spec))
        return
    for size, dimension in zip(spec.shape, shape.dim, strict=True):
        if isinstance(size, str):
            if dimension.HasField("dim_value"):
                raise ConversionError(
                    f"{size} was baked in: {spec.name} is {dimension.dim_value} in the ONNX model",
                    "take sizes from tf.shape(tensor) in the model, not from tensor.shape",
                )
            dimension.dim_param = size


def _value(spec: TensorSpec) -> Any:
    import numpy as np
    from onnx import helper

    element = helper.np_dtype_to_tensor_dtype(np.dtype(spec.dtype))
    return helper.make_tensor_value_info(spec.name, element, list(spec.shape))

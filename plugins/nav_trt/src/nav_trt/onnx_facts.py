"""What an ONNX graph holds, as far as it decides about its precision."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from navcore.contracts import Model

__all__ = ["OnnxFacts", "onnx_facts"]

_QUANTISERS = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")
_PASSES = "navcore.passes"


@attrs.frozen
class OnnxFacts:
    """About one file.

    Attributes:
        quantised: Names of the element types that tensors are quantised to, such as `INT8`; empty where none is.
        elements: Names of the element types of weights, inputs and outputs.
        lowered_by: The pass of another plugin that has lowered the precision already; empty where none did.
    """

    quantised: frozenset[str]
    elements: frozenset[str]
    lowered_by: str


def onnx_facts(model: Model) -> OnnxFacts | None:
    """Return the facts about the model's file; None where it cannot be read, which who builds from it says better."""
    try:
        state = model.path.stat() if model.path is not None else None
        return _read(model.path, state.st_mtime_ns, state.st_size) if model.path and state else None
    except Exception:  # OSError, and protobuf's exceptions, which differ between its implementations
        return None


@functools.lru_cache(maxsize=16)  # every converter asks about the same few files
def _read(path: Path, _modified_ns: int, _size_bytes: int) -> OnnxFacts:
    import onnx

    proto = onnx.load(str(path), load_external_data=False)
    passes = next((entry.value for entry in proto.metadata_props if entry.key == _PASSES), "").split(",")
    lowered = (name for name in passes if name.startswith(("onnx-fp16", "onnx-bf16", "onnx-int8")))
    return OnnxFacts(
        quantised=frozenset(_quantised(proto.graph)),
        elements=frozenset(_elements(proto.graph)),
        lowered_by=next(lowered, ""),
    )


def _quantised(graph: Any) -> Iterator[str]:
    """Yield the types of zero points; without one they are those of the operator's default, uint8."""
    import onnx

    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    types |= {node.output[0]: node.attribute[0].t.data_type for node in graph.node if node.op_type == "Constant"}
    for node in graph.node:
        if node.op_type in _QUANTISERS:
            zero = node.input[2] if len(node.input) > 2 else ""
            asked = next((each.i for each in node.attribute if each.name == "output_dtype"), 0)
            number = types.get(zero, 0) or asked or onnx.TensorProto.UINT8
            yield onnx.TensorProto.DataType.Name(number)


def _elements(graph: Any) -> Iterator[str]:
    import onnx

    names = onnx.TensorProto.DataType.Name
    yield from (names(tensor.data_type) for tensor in graph.initializer)
    yield from (names(value.type.tensor_type.elem_type) for value in (*graph.input, *graph.output))

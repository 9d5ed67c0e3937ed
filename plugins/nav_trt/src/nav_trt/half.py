"""Gives an ONNX graph half precision, for networks that are strongly typed; inputs and outputs keep their types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nav_trt.onnx_files import load_typed, store
from nav_trt.trt_error import EngineError

__all__ = ["write_half"]


def write_half(source: Path, out: Path, element: str, *, whole: bool) -> Path:
    """Write a copy of the graph that computes in `FLOAT16` or `BFLOAT16`, and return its path.

    Args:
        source: The ONNX file.
        out: Where to write; weights of a large graph go into a file beside it.
        element: The type.
        whole: Whether also those operators are lowered that ONNX Runtime's converter keeps in float32, as they lose
            most; they do not stay with `precision_mode="single"`.

    Raises:
        EngineError: The graph has nothing to lower.
    """
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    proto = load_typed(source)
    weights = {tensor.name: tensor for tensor in proto.graph.initializer} if element == "BFLOAT16" else {}
    originals = {name: _values(tensor) for name, tensor in weights.items()}
    half = convert_float_to_float16(
        proto, keep_io_types=True, disable_shape_infer=True, op_block_list=[] if whole else DEFAULT_OP_BLOCK_LIST
    )
    if not _holds_half(half.graph):
        raise EngineError(
            f"no operator of {source.name} can be lowered to {element.lower()}", "leave this precision out"
        )
    if element == "BFLOAT16":
        _retype(half.graph, originals)
    return store(half, out)


def _holds_half(graph: Any) -> bool:
    import onnx

    kind = onnx.TensorProto.FLOAT16
    casts = (attribute.i for node in graph.node for attribute in node.attribute if attribute.name == "to")
    return kind in casts or any(tensor.data_type == kind for tensor in graph.initializer)


def _values(tensor: Any) -> Any:
    import onnx

    return onnx.numpy_helper.to_array(tensor) if tensor.data_type == onnx.TensorProto.FLOAT else None


def _retype(graph: Any, originals: dict[str, Any]) -> None:
    """Turn every float16 that the conversion has made into bfloat16, weights from what they were in float32."""
    import onnx

    half, brain = onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type == half:
            value.type.tensor_type.elem_type = brain
    for tensor in graph.initializer:
        if tensor.data_type == half:
            _as_bfloat16(tensor, originals.get(tensor.name))
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        if attribute.name in ("to", "dtype") and attribute.i == half:
            attribute.i = brain
        if attribute.HasField("t") and attribute.t.data_type == half:
            _as_bfloat16(attribute.t, None)
        for inner in (*attribute.graphs, *((attribute.g,) if attribute.HasField("g") else ())):
            _retype(inner, originals)


def _as_bfloat16(tensor: Any, original: Any) -> None:
    import onnx

    values = onnx.numpy_helper.to_array(tensor) if original is None else original
    made = onnx.helper.make_tensor(
        tensor.name, onnx.TensorProto.BFLOAT16, tensor.dims, _rounded(values).tobytes(), raw=True
    )
    tensor.CopyFrom(made)


def _rounded(values: Any) -> Any:
    """Return the upper half of each float32, rounded to the nearest, ties to even, as bfloat16 has it."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32).astype(np.uint64)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(values), np.uint16(0x7FC0), rounded)

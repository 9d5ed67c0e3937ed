"""Lowers a graph from float32 to float16 or bfloat16, but for the nodes that are named."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from nav_onnx.graphs import all_graphs, all_nodes, copied
from nav_onnx.opset import opset_of
from nav_onnx.pass_casts import drop_round_trips

__all__ = ["lowered"]

_HALF = ("FLOAT16", "BFLOAT16")


def lowered(proto: Any, element: str, blocked: Collection[str]) -> Any:
    """Return a copy whose inputs and outputs keep their types, and nodes compute in the element type.

    Args:
        proto: Every node has a name, and every tensor a type.
        element: `FLOAT16` or `BFLOAT16`.
        blocked: Names of nodes that stay in float32; others that ONNX or ONNX Runtime cannot lower stay too.
    """
    import onnx
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    casts = (node for node in proto.graph.node if node.op_type == "Cast")
    weights = {tensor.name: tensor for tensor in proto.graph.initializer}
    half = convert_float_to_float16(
        copied(proto),
        keep_io_types=True,
        disable_shape_infer=True,
        op_block_list=[*DEFAULT_OP_BLOCK_LIST, *(_without_bfloat16(proto) if element == "BFLOAT16" else ())],
        node_block_list=list(blocked),
    )
    if element == "BFLOAT16":
        _retype(half, weights)
    drop_round_trips(half, onnx.TensorProto.DataType.Value(element), frozenset(node.output[0] for node in casts))
    return half


def _without_bfloat16(proto: Any) -> set[str]:
    """Return the operators that, in the opset of the graph, take no bfloat16."""
    import onnx

    nodes = {(node.domain, node.op_type) for node in all_nodes(proto.graph)}
    versions = {each.domain: each.version for each in proto.opset_import} | {"": opset_of(proto)}
    found = set()
    for domain, operator in nodes:
        if not onnx.defs.has(operator, versions.get(domain, 1), domain):
            continue  # an operator of a runtime, which knows itself what it takes
        schema = onnx.defs.get_schema(operator, versions.get(domain, 1), domain)
        types = {name for constraint in schema.type_constraints for name in constraint.allowed_type_strs}
        if "tensor(float)" in types and "tensor(bfloat16)" not in types:
            found.add(operator)
    return found


def _retype(proto: Any, weights: dict[str, Any]) -> None:
    """Turn every float16 that the conversion has made into bfloat16, weights from what they were in float32."""
    import onnx

    half, brain = (onnx.TensorProto.DataType.Value(name) for name in _HALF)
    for graph in all_graphs(proto.graph):
        for value in (*graph.input, *graph.output, *graph.value_info):
            if value.type.tensor_type.elem_type == half:
                value.type.tensor_type.elem_type = brain
        for tensor in graph.initializer:
            if tensor.data_type == half:
                _as_bfloat16(tensor, weights.get(tensor.name, tensor))
        for attribute in _attributes(graph):
            if attribute.name in ("to", "dtype") and attribute.i == half:
                attribute.i = brain
            if attribute.HasField("t") and attribute.t.data_type == half:
                _as_bfloat16(attribute.t, attribute.t)


def _attributes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield from node.attribute


def _as_bfloat16(tensor: Any, source: Any) -> None:
    import ml_dtypes
    import onnx

    values = onnx.numpy_helper.to_array(source).astype(np.float32).astype(ml_dtypes.bfloat16)
    name, shape = tensor.name, tensor.dims[:]
    tensor.Clear()
    tensor.name, tensor.data_type, tensor.raw_data = name, onnx.TensorProto.BFLOAT16, values.tobytes()
    tensor.dims.extend(shape)

"""A graph as the tools that lower its precision want it: clean, every node with a name, every tensor with a type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nav_onnx.clean import cleaned_or_as_it_is
from nav_onnx.graphs import all_nodes, copied
from nav_onnx.opset import with_opset

__all__ = ["name_nodes", "prepared"]


def prepared(path: Path, lowest_opset: int = 1) -> Any:
    """Return the `onnx.ModelProto`, with its weights in memory.

    Raises:
        PassError: Its opset is below, and ONNX cannot convert it.
    """
    graph = with_opset(cleaned_or_as_it_is(path), lowest_opset)
    name_nodes(graph)
    return _typed(graph)


def name_nodes(proto: Any) -> None:
    """Give every node a name of its own; it keeps the one that it has unless another has it too."""
    taken: set[str] = set()
    for node in all_nodes(proto.graph):
        wish = node.name or f"{node.op_type}_{node.output[0] if node.output else len(taken)}"
        node.name = next(name for name in _candidates(wish, len(taken)) if name not in taken)
        taken.add(node.name)


def _candidates(wish: str, taken: int) -> Iterator[str]:
    yield wish
    yield from (f"{wish}_{number}" for number in range(2, taken + 3))


def _typed(proto: Any) -> Any:
    """Return the graph with the types of the tensors in it, as far as ONNX, onnxslim or ONNX Runtime know them."""
    import onnx

    if not _untyped(proto):
        return proto
    try:
        proto = onnx.shape_inference.infer_shapes(proto)
    except Exception as error:  # for example a graph beyond 2 GB
        print(f"ONNX infers no shapes: {type(error).__name__}: {error}")
    if missing := _untyped(proto):
        return _typed_by_runtime(proto, missing)
    return proto


def _typed_by_runtime(proto: Any, missing: list[str]) -> Any:
    """Return the graph with types that ONNX Runtime tells, which knows those of its own operators.

    `onnxruntime.tools.symbolic_shape_infer` tells them too, and takes seconds, because it imports PyTorch.
    """
    import onnx
    import onnxruntime

    asked = copied(proto)
    asked.graph.output.extend(onnx.ValueInfoProto(name=name) for name in missing)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(asked.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # an operator that it does not know, or a graph beyond 2 GB
        print(f"no type is known of {', '.join(missing)}: {type(error).__name__}: {error}")
        return proto
    for output in session.get_outputs():
        if output.name in missing and (found := re.fullmatch(r"tensor\((\w+)\)", output.type)):
            element = onnx.TensorProto.DataType.Value(found.group(1).upper())
            proto.graph.value_info.append(onnx.helper.make_tensor_value_info(output.name, element, output.shape))
    return proto


def _untyped(proto: Any) -> list[str]:
    """Return the tensors that nodes of the main graph make and whose type is not known."""
    known = {value.name for value in (*proto.graph.value_info, *proto.graph.output)}
    return [name for node in proto.graph.node for name in node.output if name and name not in known]

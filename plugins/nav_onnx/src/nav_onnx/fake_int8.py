"""A graph in which some nodes compute with values rounded to int8, and in float: what quantising these would cost."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from nav_onnx.graphs import copied, sort_nodes
from nav_onnx.quantise import FUSED, WEIGHTED
from navcore.contracts import Array

__all__ = ["rounded"]

_LEVELS = 255


def rounded(proto: Any, nodes: Collection[str], ranges: Any = None) -> Any:
    """Return a copy in which inputs, weights and outputs of these nodes are rounded to eight bits.

    ONNX Runtime quantises a whole graph in seconds, in Python, and this takes a tenth of that; it serves to see which
    nodes hurt, not to run them.

    Args:
        proto: Every node has a name.
        nodes: Names.
        ranges: As `nav_onnx.ranges.calibrated` returns them; None: values are rounded by their range at each call.
    """
    import onnx

    made = copied(proto)
    weights = {tensor.name: tensor for tensor in made.graph.initializer}
    work = _Rounding(made, ranges)
    for node in list(made.graph.node):
        if node.name not in nodes:
            continue
        for index, name in enumerate(node.input):
            if name in weights and index == 1 and node.op_type in (*WEIGHTED, *FUSED):
                node.input[index] = f"{name}_rounded_{node.name}"
                values = _rounded_weight(onnx.numpy_helper.to_array(weights[name]), _axis(node))
                made.graph.initializer.append(onnx.numpy_helper.from_array(values, node.input[index]))
            elif name not in weights and work.may(name):
                node.input[index] = work.after(name, node.name)
        if ranges is not None:
            for index, name in enumerate(node.output):
                if work.may(name):
                    node.output[index] = f"{name}_exact"
                    work.between(node.output[index], name)
    sort_nodes(made.graph)
    return made


class _Rounding:
    """Adds pairs of quantising and dequantising nodes to a graph."""

    def __init__(self, proto: Any, ranges: Any) -> None:
        self._graph, self._ranges = proto.graph, ranges
        self._known = set(ranges.data) if ranges is not None else None
        values = (*self._graph.value_info, *self._graph.input)
        self._floats = {value.name for value in values if value.type.tensor_type.elem_type == 1}

    def may(self, name: str) -> bool:
        """Return whether a tensor has a range, or is one of floats where ranges are found at each call."""
        return name in self._known if self._known is not None else name in self._floats

    def after(self, name: str, user: str) -> str:
        """Return the name of the tensor, rounded, for one node."""
        made = f"{name}_rounded_{user}"
        self.between(name, made, name)
        return made

    def between(self, name: str, made: str, known: str | None = None) -> None:
        """Add the pair that rounds one tensor to the other, by the range of the known one of the two."""
        self._graph.node.extend(self._pair(name, made, known or made))

    def _pair(self, name: str, made: str, known: str) -> Iterator[Any]:
        import onnx

        held = [f"{made}_{part}" for part in ("integer", "scale", "zero")]
        if self._ranges is None:
            yield onnx.helper.make_node("DynamicQuantizeLinear", [name], held)
        else:
            scale, zero = _scale(*self._ranges.data[known].range_value)
            for value, label in ((scale, held[1]), (zero, held[2])):
                self._graph.initializer.append(onnx.numpy_helper.from_array(value, label))
            yield onnx.helper.make_node("QuantizeLinear", [name, *held[1:]], held[:1])
        yield onnx.helper.make_node("DequantizeLinear", held, [made])


def _scale(lowest: Any, highest: Any) -> tuple[Array, Array]:
    low, high = min(float(np.min(lowest)), 0.0), max(float(np.max(highest)), 0.0)
    scale = max(high - low, 1e-30) / _LEVELS
    return np.asarray(scale, np.float32), np.asarray(np.clip(round(-low / scale), 0, _LEVELS), np.uint8)


def _rounded_weight(values: Array, axis: int) -> Array:
    others = tuple(index for index in range(values.ndim) if index != axis % max(values.ndim, 1))
    scale = np.abs(values).max(axis=others, keepdims=True, initial=0.0) / (_LEVELS // 2)
    scale = np.where(scale == 0, 1, scale)
    return np.asarray(np.round(values / scale) * scale, values.dtype)


def _axis(node: Any) -> int:
    """Return the axis of the output channels of a weight."""
    if node.op_type == "Gemm":
        return 0 if any(each.name == "transB" and each.i for each in node.attribute) else 1
    return {"Conv": 0, "ConvTranspose": 1}.get(node.op_type, -1)

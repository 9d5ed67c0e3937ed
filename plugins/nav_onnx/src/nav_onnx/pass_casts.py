"""Takes out casts that only lose precision: to a lower type and straight back."""

from __future__ import annotations

from typing import Any

from nav_onnx.graphs import read_by

__all__ = ["drop_round_trips"]


def drop_round_trips(proto: Any, lowered: int, own: frozenset[str]) -> None:
    """Give nodes that stay in float32 the float32 value that was there, in place of one that was lowered and raised.

    `onnxruntime.transformers.float16` casts what a blocked node gives to float16, and what it takes from it, so that
    between two blocked nodes, or an input and a blocked node, a value beyond 65504 would still become infinite.

    Args:
        proto: Changed in place; its main graph alone.
        lowered: Element type of the lower precision.
        own: What the model itself casts to something, which stays: it need not come from float32.
    """
    import onnx

    made = {name: node for node in proto.graph.node for name in node.output}
    instead: dict[str, str] = {}
    for node in proto.graph.node:
        before = made.get(node.input[0]) if node.input else None
        if before is None or not (_casts_to(node, onnx.TensorProto.FLOAT) and _casts_to(before, lowered)):
            continue
        if not own & {node.output[0], before.output[0]}:
            instead[node.output[0]] = before.input[0]
    given = {value.name for value in proto.graph.output}
    for node in proto.graph.node:
        for index, name in enumerate(node.input):
            if name in instead:
                node.input[index] = instead[name]
        if node.output and node.output[0] in instead and node.output[0] in given:
            node.op_type, node.input[0] = "Identity", instead[node.output[0]]
            del node.attribute[:]
    _drop_unused_casts(proto, given)


def _casts_to(node: Any, element: int) -> bool:
    return node.op_type == "Cast" and any(each.name == "to" and each.i == element for each in node.attribute)


def _drop_unused_casts(proto: Any, given: set[str]) -> None:
    while True:
        used = {name for node in proto.graph.node for name in read_by(node)} | given
        kept = [node for node in proto.graph.node if node.op_type != "Cast" or node.output[0] in used]
        if len(kept) == len(proto.graph.node):
            return
        del proto.graph.node[:]
        proto.graph.node.extend(kept)

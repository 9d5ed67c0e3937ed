"""Cleans a graph with onnxslim: folds constants, infers shapes, drops what nothing needs; never at any price."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs

from nav_onnx.graph_facts import constant_nodes
from nav_onnx.graphs import all_graphs, all_nodes, copied
from nav_onnx.pass_error import PassError
from nav_onnx.pass_files import load

__all__ = ["MOST_GROWTH_BYTES", "clean", "cleaned_or_as_it_is", "growth", "missing_onnxslim"]

MOST_GROWTH_BYTES = 2**27
"""Room for masks and position tables: 128 MiB hold the causal mask of 5,700 tokens."""

_MOST_AT_ONCE = 8
"""Times the growth that one tensor may take on the way, which is dropped afterwards."""


@attrs.frozen
class Growth:
    """What folding is going to do, by inferred shapes.

    Attributes:
        added_bytes: By how much the constants that remain are larger than those that become superfluous.
        largest_bytes: Size of the largest tensor on the way.
        largest: The node that makes it, for people.
    """

    added_bytes: int
    largest_bytes: int
    largest: str


def missing_onnxslim() -> str | None:
    """Return what to do where onnxslim is not installed, as `cause; fix`, or None where it is."""
    return None if find_spec("onnxslim") else "onnxslim is not installed; pip install nav-onnx"


def clean(path: Path, most_growth_bytes: int = MOST_GROWTH_BYTES) -> Any:
    """Return the `onnx.ModelProto` cleaned, its weights in memory, its inputs and outputs as they were.

    Raises:
        PassError: Constants would grow by more than that; found before any is computed, and looked at again after.
    """
    import onnxslim

    proto = load(path)
    # Exporters write shapes that are stale or differ from what ONNX infers, which stops shape inference and
    # quantisation (`Inferred shape and existing shape differ in dimension 0`); it is inferred anew.
    del proto.graph.value_info[:]
    expected, before = growth(proto), _constant_bytes(proto)
    _refuse_growth(expected.added_bytes, expected, most_growth_bytes)
    slim = onnxslim.slim(copied(proto))
    _refuse_growth(_constant_bytes(slim) - before, expected, most_growth_bytes)
    _put_back(slim, proto)
    return slim


def cleaned_or_as_it_is(path: Path) -> Any:
    """Return the graph cleaned, or only without its own inferred shapes where it cannot be cleaned.

    For passes that work better on a clean graph and do not need one.
    """
    try:
        return clean(path)
    except Exception as error:  # onnxslim raises whatever its parts raise
        print(f"the graph is taken as it is, because it was not cleaned: {error}")
    proto = load(path)
    del proto.graph.value_info[:]
    return proto


def growth(proto: Any) -> Growth:
    """Return what folding a graph without shapes of its own would add, as far as shapes can be inferred."""
    sizes = _inferred_bytes(proto)
    added, largest, culprit = 0, 0, ""
    for graph in all_graphs(proto.graph):
        folded = constant_nodes(graph)
        made = {name: node for node in folded for name in node.output}
        for name, node in made.items():
            if sizes.get(name, 0) > largest:
                largest, culprit = sizes[name], f"{node.op_type} {node.name or name!r}"
        others = [node for node in graph.node if not any(node is one for one in folded)]
        needed = {name for node in others for name in node.input} | {value.name for value in graph.output}
        added += sum(sizes.get(name, 0) for name in made if name in needed)
        added -= sum(_bytes(tensor) for tensor in graph.initializer if made and tensor.name not in needed)
    return Growth(added, largest, culprit)


def _refuse_growth(added: int, expected: Growth, most: int) -> None:
    if added <= most and expected.largest_bytes <= _MOST_AT_ONCE * most:
        return
    what = f"{expected.largest} alone takes {_megabytes(expected.largest_bytes)}" if expected.largest else "see the log"
    raise PassError(
        f"folding its constants would add {_megabytes(max(added, 0))} to the file: {what}",
        f"leave it to the runtime, which computes it anew, or set most_growth_bytes={max(added, most)}",
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _inferred_bytes(proto: Any) -> dict[str, int]:
    """Return the size of every tensor whose shape ONNX can infer, by name."""
    import onnx

    bare = copied(proto)
    for tensor in bare.graph.initializer:
        if len(tensor.raw_data) > 1024:  # weights tell no shapes, and a message has to stay below 2 GB
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="left-out")
    try:
        inferred = onnx.shape_inference.infer_shapes(bare, data_prop=True)
    except Exception:  # inference gives up on some graphs; then nothing is known beforehand
        return {}
    values = (value for graph in all_graphs(inferred.graph) for value in (*graph.value_info, *graph.output))
    return {value.name: _value_bytes(value.type.tensor_type) for value in values}


def _value_bytes(tensor: Any) -> int:
    import onnx

    sizes = [dimension.dim_value for dimension in tensor.shape.dim]
    known = all(dimension.WhichOneof("value") == "dim_value" for dimension in tensor.shape.dim)
    if not (tensor.HasField("shape") and known and tensor.elem_type):
        return 0
    text = tensor.elem_type == onnx.TensorProto.STRING
    each = 1 if text else int(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).itemsize)
    return int(math.prod(sizes)) * each


def _bytes(tensor: Any) -> int:
    return len(tensor.raw_data) or int(tensor.ByteSize())


def _constant_bytes(proto: Any) -> int:
    held: int = sum(_bytes(tensor) for graph in all_graphs(proto.graph) for tensor in graph.initializer)
    nodes = (node for node in all_nodes(proto.graph) if node.op_type == "Constant")
    return held + sum(int(attribute.ByteSize()) for node in nodes for attribute in node.attribute)


def _put_back(proto: Any, source: Any) -> None:
    """Give the graph the inputs and outputs of the source: onnxslim drops inputs that nothing uses, and their order."""
    for target, values in ((proto.graph.input, source.graph.input), (proto.graph.output, source.graph.output)):
        del target[:]
        target.extend(values)
    del proto.metadata_props[:]
    proto.metadata_props.extend(source.metadata_props)

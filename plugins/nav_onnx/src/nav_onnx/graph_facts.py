"""What a graph consists of, as far as it tells whether there is a point in a pass."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from nav_onnx.graphs import all_graphs
from nav_onnx.pass_files import load, passes_of
from navcore.contracts import Model

__all__ = ["GraphFacts", "constant_nodes", "graph_facts"]

_NEVER_FOLDED = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "SequenceEmpty"}
_RANDOM = {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}


@attrs.frozen
class GraphFacts:
    """What a file consists of, with the graphs below its main one.

    Attributes:
        operators: How many nodes there are of each operator, by its name.
        weighted: Operators of which some node of the main graph has a constant second input: its weights.
        elements: Names of the element types of weights, inputs and outputs: `FLOAT`, `FLOAT16`, `INT64`.
        folded: How many nodes depend on constants alone, those that only hold one aside.
        domains: Domains of operators; that of ONNX itself is empty.
        passes: Names of the passes that the file came through.
    """

    operators: tuple[tuple[str, int], ...]
    weighted: frozenset[str]
    elements: frozenset[str]
    folded: int
    domains: frozenset[str]
    passes: tuple[str, ...]

    @property
    def nodes(self) -> int:
        """How many nodes do something: all but those that hold a constant."""
        return sum(count for name, count in self.operators if name != "Constant")

    def has(self, *names: str) -> bool:
        """Return whether there is a node of one of these operators."""
        return any(name in names for name, _ in self.operators)


def graph_facts(model: Model) -> GraphFacts | None:
    """Return the facts about the model's file; None where it cannot be read, which its users say better."""
    try:
        state = model.path.stat() if model.path is not None else None
        return _read(model.path, state.st_mtime_ns, state.st_size) if model.path and state else None
    except Exception:  # OSError, and protobuf's exceptions, which differ between its implementations
        return None


@functools.lru_cache(maxsize=16)  # every pass asks about the same few files
def _read(path: Path, _modified_ns: int, _size_bytes: int) -> GraphFacts:
    proto = load(path, weights=False)
    graphs = list(all_graphs(proto.graph))
    nodes = [node for graph in graphs for node in graph.node]
    constants = {tensor.name for graph in graphs for tensor in graph.initializer}
    folded = [node for graph in graphs for node in constant_nodes(graph)]
    held = (node for node in nodes if node.op_type == "Constant")
    constants |= {name for node in (*held, *folded) for name in node.output}
    return GraphFacts(
        operators=tuple(sorted(Counter(node.op_type for node in nodes).items())),
        weighted=frozenset(
            node.op_type for node in proto.graph.node if len(node.input) > 1 and node.input[1] in constants
        ),
        elements=frozenset(_elements(proto.graph)),
        folded=len(folded),
        domains=frozenset("" if node.domain == "ai.onnx" else node.domain for node in nodes),
        passes=passes_of(proto),
    )


def constant_nodes(graph: Any) -> list[Any]:
    """Return the nodes that depend on constants of this graph alone and give the same each time, in their order."""
    known = {tensor.name for tensor in graph.initializer} | {""}
    found = []
    for node in graph.node:
        if node.op_type == "Constant":
            known.update(node.output)
        elif _may_be_folded(node) and all(name in known for name in node.input):
            known.update(node.output)
            found.append(node)
    return found


def _may_be_folded(node: Any) -> bool:
    inner = any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)
    return not inner and node.op_type not in _NEVER_FOLDED | _RANDOM


def _elements(graph: Any) -> Iterator[str]:
    import onnx

    names = onnx.TensorProto.DataType.Name
    yield from (names(tensor.data_type) for tensor in graph.initializer)
    yield from (names(value.type.tensor_type.elem_type) for value in (*graph.input, *graph.output))

"""What ONNX Runtime does not say when it refuses a file: which node has the operator that it does not know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["explained"]

_UNKNOWN = re.compile(r"Fatal error: (?P<domain>[^\s:]*):(?P<operator>\w+)\(-?\d+\) is not a registered function/op")


def explained(error: Exception, path: Path) -> Exception:
    """Return the error of a session that could not be made, with the node that has an unknown operator.

    Any other error is returned as it is.
    """
    found = _UNKNOWN.search(str(error))
    if found is None:
        return error
    domain, operator = found["domain"], found["operator"]
    where = _place(path, domain, operator)
    return RuntimeError(f"{found[0]}: {where}") if where else error


def _place(path: Path, domain: str, operator: str) -> str:
    """Return the first node with the operator, as `node 'n7' of the domain 'my.domain'`."""
    import onnx

    proto = onnx.load(path, load_external_data=False)
    functions = (node for function in proto.functions for node in function.node)
    for node in _nodes((*proto.graph.node, *functions)):
        if (node.domain, node.op_type) == (domain, operator):
            name = f"node {node.name!r}" if node.name else f"the node that gives {', '.join(map(repr, node.output))}"
            return f"{name}, of the domain {domain!r}"
    return ""


def _nodes(nodes: Iterable[Any]) -> Iterator[Any]:
    """Yield nodes, and those in graphs that they hold."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (*attribute.graphs, *((attribute.g,) if attribute.HasField("g") else ())):
                yield from _nodes(graph.node)

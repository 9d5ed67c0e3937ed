"""What ONNX and ONNX Runtime mean when they refuse a file, with the node that they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["checker_reason", "explained"]

_CONTEXT = re.compile(r"Bad node spec for node\. Name: (?P<name>.*) OpType: (?P<operator>\S+)")
_NO_OPERATOR = re.compile(r"No Op registered for (?P<operator>\S+)")
_UNKNOWN = re.compile(r"Fatal error: (?P<domain>[^\s:]*):(?P<operator>\w+)\(-?\d+\) is not a registered function/op")


def checker_reason(error: Exception, proto: Any) -> str:
    """Return why ONNX's checker refuses a model, with the node, as `Unrecognized attribute: a (node 'n7', a Relu)`."""
    told, _, context = str(error).partition("\n\n==> Context: ")
    reason = " ".join(told.split()) or type(error).__name__
    if found := _CONTEXT.search(context):
        return f"{reason} ({_node(found['name'], found['operator'])})"
    # Of nodes inside of functions it does not say which.
    if (missing := _NO_OPERATOR.match(reason)) and (node := _first(proto, missing["operator"])):
        return f"{reason} ({_node(node.name, node.op_type)})"
    return reason


def explained(error: Exception, path: Path) -> Exception:
    """Return the error of a session that could not be made, with the node that has an unknown operator.

    Any other error is returned as it is.
    """
    import onnx

    if (found := _UNKNOWN.search(str(error))) is None:
        return error
    node = _first(onnx.load(path, load_external_data=False), found["operator"], found["domain"])
    if node is None:
        return error
    name = repr(node.name) if node.name else f"that gives {', '.join(map(repr, node.output))}"
    return RuntimeError(f"{found[0]}: node {name} of domain {found['domain']!r}")


def _node(name: str, operator: str) -> str:
    return f"node {name!r}, {operator}" if name else f"a node without a name, {operator}"


def _first(proto: Any, operator: str, domain: str | None = None) -> Any:
    """Return the first node with the operator, in the graph or in a function; None where there is none."""
    for part in (proto.graph, *proto.functions):
        for node in _nodes(part.node):
            if node.op_type == operator and domain in (None, node.domain):
                return node
    return None


def _nodes(nodes: Iterable[Any]) -> Iterator[Any]:
    """Yield nodes, and those in graphs that they hold."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (*attribute.graphs, *((attribute.g,) if attribute.HasField("g") else ())):
                yield from _nodes(graph.node)

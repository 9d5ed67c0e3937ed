"""Walks ONNX graphs: those inside of nodes, what a node reads, and the order of nodes."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["all_graphs", "all_nodes", "copied", "read_by", "sort_nodes"]


def all_graphs(graph: Any) -> Iterator[Any]:
    """Yield a graph and those inside of its nodes, at every depth."""
    yield graph
    for node in graph.node:
        yield from _inside(node)


def all_nodes(graph: Any) -> Iterator[Any]:
    """Yield the nodes of a graph and of those inside of them."""
    for each in all_graphs(graph):
        yield from each.node


def copied(proto: Any) -> Any:
    """Return a copy of an `onnx.ModelProto`."""
    copy = type(proto)()
    copy.CopyFrom(proto)
    return copy


def read_by(node: Any) -> set[str]:
    """Return the names of tensors that a node reads, those that graphs inside of it read too."""
    return {*node.input, *(name for graph in _inside(node) for each in graph.node for name in each.input)}


def sort_nodes(graph: Any) -> None:
    """Put each node after those that make what it reads; a graph in order, or with a circle, stays as it is.

    Tools append the nodes that they add at the end, which runtimes take and the checker of ONNX does not.
    """
    nodes = list(graph.node)
    maker = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    needs = [{maker[name] for name in read_by(node) if name in maker} for node in nodes]
    users = _users(needs)
    ready = [index for index, needed in enumerate(needs) if not needed]
    order = []
    while ready:
        order.append(heapq.heappop(ready))
        for user in users[order[-1]]:
            needs[user].discard(order[-1])
            if not needs[user]:
                heapq.heappush(ready, user)
    if len(order) == len(nodes) and order != sorted(order):
        del graph.node[:]
        graph.node.extend(nodes[index] for index in order)


def _users(needs: Iterable[set[int]]) -> dict[int, list[int]]:
    listed = list(needs)
    users: dict[int, list[int]] = {index: [] for index in range(len(listed))}
    for index, needed in enumerate(listed):
        for each in needed:
            users[each].append(index)
    return users


def _inside(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        for graph in (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs):
            yield from all_graphs(graph)

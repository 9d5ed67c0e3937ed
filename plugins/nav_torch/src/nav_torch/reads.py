"""What an artifact writes to: one that only reads its inputs needs no copies of them."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

__all__ = ["parameters_written", "program_only_reads", "script_only_reads"]

_CONTROL = {"cond", "while_loop", "wrap_with_set_grad_enabled", "wrap_with_autocast"}
"""Operators around graphs, which are looked through as well."""

_ARITHMETIC = {
    *(operator.getitem, operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod, operator.pow),
    *(operator.neg, operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge),
}
"""What graphs compute sizes with."""

_BUILDS = {
    *("prim::Constant", "prim::GetAttr", "prim::If", "prim::Loop", "prim::RaiseException"),
    *("prim::ListConstruct", "prim::ListUnpack", "prim::TupleConstruct", "prim::TupleUnpack", "prim::DictConstruct"),
}
"""Instructions of TorchScript without a schema that write to nothing."""


def program_only_reads(program: Any) -> bool:
    """Return whether no operator in the graphs of an exported program writes to a tensor, whichever it is."""
    from torch.fx import GraphModule

    graphs = [part.graph for part in program.graph_module.modules() if isinstance(part, GraphModule)]
    called = [node for graph in graphs for node in graph.nodes if node.op.startswith("call")]
    return not program.graph_signature.user_inputs_to_mutate and all(map(_only_reads, called))


def _only_reads(node: Any) -> bool:
    schema = getattr(node.target, "_schema", None)
    if schema is not None:
        return not schema.is_mutable
    return node.op == "call_function" and (
        node.target in _ARITHMETIC or getattr(node.target, "__name__", None) in _CONTROL
    )


def parameters_written(program: Any) -> dict[str, str]:
    """Return the parameters that the graph of an exported program changes, each with the operator that does so.

    Whether it changes all of one or a view of it.
    """
    names = program.graph_signature.inputs_to_parameters
    return {
        names[place.name]: str(node.target)
        for node in program.graph.nodes
        for place in map(_base, _written(node))
        if place.name in names
    }


def _written(node: Any) -> Iterator[Any]:
    """Yield the nodes whose tensors an operator writes to."""
    schema = getattr(node.target, "_schema", None)
    for argument, value in zip(schema.arguments if schema is not None else (), node.args, strict=False):
        if argument.alias_info is not None and argument.alias_info.is_write and hasattr(value, "op"):
            yield value


def _base(node: Any) -> Any:
    """Return the node that a view is of; any other node itself."""
    schema = getattr(node.target, "_schema", None)
    if schema is None or not schema.arguments or schema.arguments[0].alias_info is None or not node.args:
        return node
    return _base(node.args[0])


def script_only_reads(module: Any) -> bool:
    """Return whether nothing in the graph of a TorchScript module writes to a tensor, a list or an attribute."""
    return all(_instruction_only_reads(node) for node in _nodes(module.inlined_graph))


def _instruction_only_reads(node: Any) -> bool:
    schema = node.schema()
    if schema.startswith("("):  # "(no schema)"
        return node.kind() in _BUILDS
    return "!" not in schema


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)

"""Ranges of sizes: what torch found for each named dimension, and what two ranges have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from navcore.domain import Range, Signature

__all__ = ["compiled_ranges", "found_ranges", "narrower"]


def found_ranges(program: Any, signature: Signature) -> dict[str, Range]:
    """Return a range for each named dimension of the inputs of an exported program, as torch.export found it.

    Args:
        program: An ExportedProgram whose inputs are those of the signature, in order.
        signature: Of what it was exported from.
    """
    return _ranges(program, signature, lambda size: program.range_constraints.get(size.node.expr))


def compiled_ranges(program: Any, signature: Signature) -> dict[str, Range]:
    """Return the same after Inductor has compiled the program: as it chooses among operators it may narrow them."""
    from torch.utils._sympy.value_ranges import bound_sympy

    return _ranges(program, signature, lambda size: bound_sympy(size.node.expr, size.node.shape_env.var_to_range))


def _ranges(program: Any, signature: Signature, bounds_of: Callable[[Any], Any]) -> dict[str, Range]:
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    found: dict[str, Range] = {}
    for spec, name in zip(signature.inputs, program.graph_signature.user_inputs, strict=True):
        for dimension, size in zip(spec.shape, values[name].shape, strict=True):
            if isinstance(dimension, str):
                new = Range(dimension, *((size, size) if isinstance(size, int) else _numbers(bounds_of(size))))
                found[dimension] = narrower(found.get(dimension, Range(dimension)), new)
    return found


def _numbers(bounds: Any) -> tuple[int, int | None]:
    """Return a ValueRanges as numbers; without a limit a bound is an infinity of torch's own, or sympy's."""
    if bounds is None:
        return 0, None
    smallest = int(bounds.lower) if bounds.lower.is_Integer else 0
    return max(smallest, 0), int(bounds.upper) if bounds.upper.is_Integer else None


def narrower(first: Range, second: Range) -> Range:
    """Return the sizes that are in both ranges of one dimension."""
    largest = [each.largest for each in (first, second) if each.largest is not None]
    return Range(first.dimension, max(first.smallest, second.smallest), min(largest, default=None))

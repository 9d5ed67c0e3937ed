"""Ranges of sizes: what torch.export found for each named dimension, and what two ranges have in common."""

from __future__ import annotations

from typing import Any

from navcore.domain import Range, Signature

__all__ = ["found_ranges", "narrower"]


def found_ranges(program: Any, signature: Signature) -> dict[str, Range]:
    """Return a range for each named dimension of the inputs of an exported program.

    Args:
        program: An ExportedProgram whose inputs are those of the signature, in order.
        signature: Of what it was exported from.
    """
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    found: dict[str, Range] = {}
    for spec, name in zip(signature.inputs, program.graph_signature.user_inputs, strict=True):
        for dimension, size in zip(spec.shape, values[name].shape, strict=True):
            if isinstance(dimension, str):
                found[dimension] = narrower(
                    found.get(dimension, Range(dimension)), Range(dimension, *_bounds(size, program))
                )
    return found


def _bounds(size: Any, program: Any) -> tuple[int, int | None]:
    if isinstance(size, int):
        return size, size
    bounds = program.range_constraints.get(size.node.expr)
    if bounds is None:
        return 0, None
    # Without a limit a bound is an infinity of torch's own, which calls itself finite.
    smallest = int(bounds.lower) if bounds.lower.is_Integer else 0
    return max(smallest, 0), int(bounds.upper) if bounds.upper.is_Integer else None


def narrower(first: Range, second: Range) -> Range:
    """Return the sizes that are in both ranges of one dimension."""
    largest = [each.largest for each in (first, second) if each.largest is not None]
    return Range(first.dimension, max(first.smallest, second.smallest), min(largest, default=None))

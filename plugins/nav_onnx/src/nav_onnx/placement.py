"""Which execution provider runs which nodes of a model, as ONNX Runtime shared them out when it loaded it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs

from nav_onnx.providers import CPU_PROVIDER
from navcore.errors import NavError

__all__ = ["Placement", "PlacementError", "check_placement", "placement_of", "record_placement"]

_RECORD = "session.record_ep_graph_assignment_info"
_MOST_NAMED = 5


class PlacementError(NavError, RuntimeError):
    """Nodes of a model run on another execution provider than they were meant for."""


@attrs.frozen
class Placement:
    """Nodes by provider.

    Attributes:
        operators: The operators that each provider runs, with how many nodes of each.
    """

    operators: Mapping[str, Mapping[str, int]]

    @property
    def counts(self) -> dict[str, int]:
        """How many nodes each provider runs."""
        return {provider: sum(counts.values()) for provider, counts in sorted(self.operators.items())}

    def beside(self, provider: str) -> tuple[str, ...]:
        """Return what others than this provider run, as `CPUExecutionProvider runs 3 of 120 nodes: 2 Shape, Gather`."""
        total = sum(self.counts.values())
        return tuple(
            f"{other} runs {count} of {total} {'node' if total == 1 else 'nodes'}: {_listed(self.operators[other])}"
            for other, count in self.counts.items()
            if other != provider
        )


def record_placement(options: Any) -> None:
    """Let the sessions of an `onnxruntime.SessionOptions` remember who runs what."""
    options.add_session_config_entry(_RECORD, "1")


def placement_of(session: Any) -> Placement | None:
    """Return who runs the nodes of a session that remembers it; None where this onnxruntime, before 1.24, does not.

    Nodes are counted before ONNX Runtime fuses those of one provider.
    """
    ask = getattr(session, "get_provider_graph_assignment_info", None)
    if ask is None:
        return None
    operators: dict[str, Counter[str]] = {}
    for part in ask():
        operators.setdefault(part.ep_name, Counter()).update(node.op_type for node in part.get_nodes())
    return Placement(operators)


def check_placement(placement: Placement | None, provider: str, *, cpu_fallback: bool, model: str) -> None:
    """Raise where ONNX Runtime silently left to others what a provider was to run.

    Args:
        placement: Who runs what.
        provider: Who was to run it.
        cpu_fallback: Whether the CPU may run a part of it.
        model: Name of the file.

    Raises:
        PlacementError: The provider runs nothing of it, or the CPU a part that it may not run.
    """
    if placement is None or not placement.counts:  # a graph may be folded away to nothing
        return
    told = "; ".join(placement.beside(provider))
    if provider not in placement.counts:
        raise PlacementError(
            f"{provider} takes no node of {model}: {told}",
            "use the runner of that provider; or give the model fixed shapes, or operators that this one has",
        )
    if not cpu_fallback and provider != CPU_PROVIDER and CPU_PROVIDER in placement.counts:
        raise PlacementError(
            f"{provider} does not take all of {model}, and cpu_fallback=False: {told}",
            "allow it with cpu_fallback=True, or replace these operators",
        )


def _listed(operators: Mapping[str, int]) -> str:
    ranked = sorted(operators.items(), key=lambda each: (-each[1], each[0]))
    named = [f"{count} {name}" if count > 1 else name for name, count in ranked[:_MOST_NAMED]]
    return ", ".join([*named, *(["..."] if len(ranked) > _MOST_NAMED else [])])

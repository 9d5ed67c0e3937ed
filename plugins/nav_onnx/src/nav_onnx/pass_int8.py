"""What the two quantising passes share: when they have a point, and which nodes they leave in float."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import attrs

from nav_onnx.graph_facts import GraphFacts, graph_facts
from nav_onnx.installed import missing_runtime
from nav_onnx.pass_error import PassError
from nav_onnx.pass_files import finish, input_file, store
from nav_onnx.pass_measure import error_of, run_file
from nav_onnx.pass_search import exclude_worst
from navcore.contracts import Converter, Model, Stage
from navcore.domain import Signature
from navcore.formats import Format

__all__ = ["Int8Pass"]


def _share(_instance: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None and not value > 0:
        raise ValueError(f"{attribute.name}={value!r}: give a share of the largest value, such as 0.1, or None")


@attrs.frozen(kw_only=True)
class Int8Pass(Converter):
    """Leaves nodes in float, the worst first, until outputs on samples are within a bound.

    Attributes:
        op_types: Operators to quantise; empty: those that pay.
        nodes_to_exclude: Names of nodes that stay in float in any case.
        per_channel: Whether each output channel of a weight has a scale of its own.
        reduce_range: Whether weights use seven bits of eight; None: where the processor would saturate otherwise.
        max_error: How far outputs may be off, in parts of the largest value; None: whatever it gives is handed on.
        search_s: Seconds for finding nodes to leave in float.
        check_samples: How many samples it is tried on.
    """

    imports: tuple[str, ...] = ("onnx", "onnxruntime")
    source: Format = Format.ONNX
    target: Format = Format.ONNX
    stage: Stage | None = Stage.PRECISION
    precision: str | None = "int8"
    op_types: tuple[str, ...] = ()
    nodes_to_exclude: tuple[str, ...] = ()
    per_channel: bool = True
    reduce_range: bool | None = None
    max_error: float | None = attrs.field(default=0.1, validator=_share)  # as navcore compares int8
    search_s: float = attrs.field(default=120.0, validator=attrs.validators.ge(0))
    check_samples: int = attrs.field(default=8, validator=attrs.validators.ge(1))

    def unavailable(self) -> str | None:
        return missing_runtime()

    def unsuited(self, model: Model) -> str | None:
        facts = graph_facts(model)
        if facts is None:
            return None
        if "onnx-slim" in facts.passes:
            return "it cleans the graph itself, so that it would give what it gives without onnx-slim"
        if facts.has("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"):
            return "the model is quantised already"
        return self._nothing_to_do(facts)

    def _nothing_to_do(self, facts: GraphFacts) -> str | None:
        raise NotImplementedError

    def _without_weights(self, facts: GraphFacts, operators: Sequence[str]) -> str | None:
        """Return that no node of these operators has weights, or None."""
        return None if facts.weighted & set(operators) else f"no {' or '.join(operators)} of the main graph has weights"

    def _found(
        self,
        model: Model,
        out: Path,
        folder: Path,
        candidates: Sequence[str],
        quantised: Callable[[Collection[str]], Any],
        rounded: Callable[[Collection[str]], Any],
    ) -> Signature:
        """Write the graph with as many of the candidates quantised as the bound allows.

        Args:
            model, out: As for `write`.
            folder: For files on the way.
            candidates: Names of nodes, in the order of the graph.
            quantised: Returns the graph with these nodes quantised.
            rounded: Returns a graph that is about as far off, in less time.

        Raises:
            PassError: There are none, or none can be quantised within the bound.
        """
        names = [name for name in candidates if name not in self.nodes_to_exclude]
        if not names:
            raise PassError(
                f"{self.name} finds no node to quantise", f"look at op_types and nodes_to_exclude of {self.name}"
            )
        samples = model.examples[: self.check_samples]
        if self.max_error is None or not samples:
            return finish(quantised(names), model, out, self.name)
        expected = run_file(input_file(model), samples)

        def measure(some: tuple[str, ...]) -> float:
            path = store(quantised(some), folder / "quantised.onnx")
            error = error_of(expected, run_file(path, samples))
            print(f"{len(some)} of {len(names)} nodes in int8: off by {error:.3g}")
            return error

        def hurt(some: tuple[str, ...]) -> float:
            path = store(rounded(some), folder / "rounded.onnx")
            error = error_of(expected, run_file(path, samples, optimised=False))
            print(f"{', '.join(some)} rounded to int8: off by {error:.3g}")
            return error

        found = exclude_worst(names, measure, self.max_error, self.search_s, hurt=hurt)
        if len(found.excluded) == len(names):
            raise PassError(
                f"no node can be in int8: with all {len(names)} of them outputs are off by {found.whole_error:.2g} of "
                f"their largest value, and no part of them that was tried stays within {self.max_error:g}",
                f"give samples like real inputs, or allow more: max_error or search_s of {self.name}",
            )
        print(f"off by {found.error:.3g} of the largest value; in float stay: {', '.join(found.excluded) or 'none'}")
        kept = [name for name in names if name not in found.excluded]
        return finish(quantised(kept), model, out, self.name)

"""Finds the operators that lose the most accuracy in 8 bits, and leaves them in floating point."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from nav_openvino.tensors import names_of
from nav_openvino.without_telemetry import load_openvino
from navcore.contracts import Array, Tensors

__all__ = ["OutputError", "Quantised", "search"]

_MOST_SAMPLES = 8
_ACTIVATIONS = "FakeQuantize"
"""The operator of quantised activations; weights are stored in 8 bits as they are."""

_PASSING = (
    *("Concat", "Gather", "MaxPool", "Pad", "Relu", "Reshape", "Slice", "Split", "Squeeze", "StridedSlice"),
    *("Transpose", "Unsqueeze", "VariadicSplit"),
)
"""Operators that leave values as they are, so that whoever computes on quantised values stands behind them."""


@attrs.frozen(eq=False)
class Quantised:
    """A quantised model.

    Attributes:
        model: An `openvino.Model`.
        error: Of its outputs, see `OutputError`.
        left: Names of the operators that were left in floating point.
    """

    model: Any
    error: float
    left: tuple[str, ...] = ()

    def __str__(self) -> str:
        names = f"; left in floating point: {', '.join(self.left)}" if self.left else ""
        return f"the outputs are off by up to {self.error:.1%} of their largest value{names}"


@attrs.define(eq=False)
class OutputError:
    """Measures how far the outputs of a model are off on a few samples.

    The largest difference of each output, relative to its largest absolute value; of outputs that are whole numbers,
    the share that differs; of all outputs and samples the worst.
    """

    examples: Sequence[Tensors]
    expected: Sequence[Sequence[Array]]

    @staticmethod
    def of(original: Any, examples: Sequence[Tensors]) -> OutputError:
        """Return what measures against the outputs of the original on the first of the samples."""
        chosen = examples[:_MOST_SAMPLES]
        return OutputError(chosen, list(_outputs(original, chosen)))

    def __call__(self, model: Any) -> float:
        pairs = zip(_outputs(model, self.examples), self.expected, strict=True)
        return max((_difference(*pair) for got, right in pairs for pair in zip(got, right, strict=True)), default=0.0)


def search(
    quantise: Callable[[tuple[str, ...]], Any], error: OutputError, *, max_error: float, search_s: float
) -> Quantised:
    """Return the quantised model; where it is too far off, the best one that leaves some operators as they were.

    Each quantised tensor alone is put back to floating point, which shows how much it hurts. Then the operators that
    use the worst one are left out, those of the worst two, four and so on, until the error is small enough, half of
    the tensors are left out, or the time is over.

    Args:
        quantise: Quantises all operators but those of these names.
        error: Measures.
        max_error: What is small enough.
        search_s: Seconds that all of this may take after the first quantisation. A step that has begun is finished.
    """
    best = _made(quantise, error, ())
    deadline = time.monotonic() + search_s
    if best.error <= max_error or search_s == 0:
        return best
    ranked = _ranked(best.model, error, time.monotonic() + search_s / 2)
    count = 1
    while best.error > max_error and count <= max(1, len(ranked) // 2) and time.monotonic() < deadline:
        left = tuple(dict.fromkeys(name for names in ranked[:count] for name in names))
        best = min(best, _made(quantise, error, left), key=lambda each: each.error)
        count *= 2
    return best


def _made(quantise: Callable[[tuple[str, ...]], Any], error: OutputError, left: tuple[str, ...]) -> Quantised:
    model = quantise(left)
    return Quantised(model, error(model), left)


def _ranked(model: Any, error: OutputError, deadline: float) -> list[tuple[str, ...]]:
    """Return the operators behind each quantised tensor, those of the tensor that hurts most first."""
    found: list[tuple[float, tuple[str, ...]]] = []
    for operator in model.get_ordered_ops():
        if operator.get_type_name() == _ACTIVATIONS and time.monotonic() < deadline:
            name = operator.get_friendly_name()
            found.append((error(_without(model, name)), _behind(operator)))
    return [names for _, names in sorted(found, key=lambda each: each[0]) if names]


def _without(model: Any, name: str) -> Any:
    """Return a copy of the model in which one tensor is not quantised."""
    copy = model.clone()
    operator = next(each for each in copy.get_ops() if each.get_friendly_name() == name)
    for target in operator.output(0).get_target_inputs():
        target.replace_source_output(operator.input_value(0))
    return copy


def _behind(operator: Any) -> tuple[str, ...]:
    """Return the names of the operators that use what an operator gives, through those that leave values alone."""
    names: list[str] = []
    waiting = [operator]
    while waiting:
        for target in waiting.pop().output(0).get_target_inputs():
            node = target.get_node()
            if node.get_friendly_name() in names or node.get_type_name() == "Result":
                continue
            names.append(node.get_friendly_name())
            if node.get_type_name() in _PASSING:
                waiting.append(node)
    return tuple(sorted(names))


def _outputs(model: Any, examples: Sequence[Tensors]) -> Any:
    compiled = load_openvino().Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for feeds in examples:
        given = {place: feeds[min(names_of(port) & feeds.keys())] for place, port in enumerate(compiled.inputs)}
        yield compiled(given, share_outputs=False).to_tuple()


def _difference(got: Array, right: Array) -> float:
    if got.shape != right.shape:
        return float("inf")
    if not np.issubdtype(right.dtype, np.floating):
        return float(np.mean(got != right)) if right.size else 0.0
    finite = np.isfinite(right)
    largest = float(np.abs(right[finite]).max(initial=0.0)) or 1.0
    difference = float(np.abs(got[finite] - right[finite]).max(initial=0.0)) / largest
    return float("inf") if np.isnan(difference) else difference

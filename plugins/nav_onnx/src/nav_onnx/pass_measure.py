"""What a lowered graph gives in place of what the source gives: outputs on the samples, and how far they are off."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from navcore.contracts import Array, Tensors
from navcore.cpus import usable_cpus

__all__ = ["error_of", "run_file"]

_ERRORS_ONLY = 3


def run_file(
    path: Path,
    samples: Iterable[Tensors],
    providers: Sequence[str] = ("CPUExecutionProvider",),
    *,
    optimised: bool = True,
) -> list[Tensors]:
    """Return the outputs of an ONNX file on samples, by ONNX Runtime, with its graph optimisations or without."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = usable_cpus()
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=list(providers))
    names = [output.name for output in session.get_outputs()]
    return [dict(zip(names, session.run(names, dict(feeds)), strict=True)) for feeds in samples]


def error_of(expected: Sequence[Tensors], got: Sequence[Tensors]) -> float:
    """Return the largest |got - expected| of all outputs, each in parts of its largest finite |expected|.

    Of integers and booleans it is the share that differs. Infinite where only one side is finite, or shapes differ.
    """
    return max(
        (_error(right[name], outputs[name]) for right, outputs in zip(expected, got, strict=True) for name in right),
        default=0.0,
    )


def _error(expected: Array, got: Array) -> float:
    if expected.shape != got.shape:
        return math.inf
    if expected.dtype.kind in "biuSUO":
        return float(np.mean(expected != got)) if expected.size else 0.0
    left, right = expected.astype(np.float64), got.astype(np.float64)
    special = ~np.isfinite(left) | ~np.isfinite(right)
    if not np.array_equal(left[special], right[special], equal_nan=True):
        return math.inf
    worst = float(np.abs(right - left, where=~special, out=np.zeros_like(left)).max(initial=0.0))
    largest = float(np.abs(left[~special]).max(initial=0.0))
    return 0.0 if worst == 0.0 else worst / largest if largest else math.inf

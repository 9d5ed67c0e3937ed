"""Made-up runs for the comparison of two: every number in them is given, none is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from navcore.domain import (
    Agreement,
    BuildResult,
    Failure,
    Measurement,
    OutputAgreement,
    PackageStatus,
    Ratio,
    Request,
    SampleSummary,
    Signature,
    Status,
    TensorSpec,
    TrialResult,
)
from navcore.formats import Format

__all__ = ["MACHINE", "SHAPE", "SIGNATURE", "agreement", "blocks", "failed", "measured", "run", "works"]

SIGNATURE = Signature((TensorSpec("x", "float32", ("batch", 3)),), (TensorSpec("y", "float32", ("batch", 2)),), "batch")
MACHINE = (("cpu.cores", "8"), ("cpu.name", "AMD EPYC"), ("memory.bytes", "100"), ("torch", "2.13.0"))

SHAPE = np.array([0.99, 1.0, 1.01, 1.0, 0.985, 1.015, 1.005, 0.995])
"""Eight blocks around 1: their median has a 95 % interval of about 1 %."""


def blocks(ms: float, spread: float = 1.0) -> tuple[float, ...]:
    """Eight blocks with this median; `spread` widens them."""
    return tuple(float(value) for value in ms * (1 + (SHAPE - 1) * spread))


def measured(
    batch: int | None, ms: float, *, spread: float = 1.0, source_ms: float | None = None, rounds: int = 8
) -> Measurement:
    """A measurement; with `source_ms`, beside a source that takes that long."""
    ratio = None if source_ms is None else Ratio(source_ms / ms, 0.98 * source_ms / ms, 1.02 * source_ms / ms)
    throughput = (batch or 1) * 1000 / ms
    return Measurement(batch, ms, 0.1, ms, ms, ms, ms, throughput, 0.01, 40, blocks(ms, spread)[:rounds], ratio)


def agreement(max_abs: float = 0.0, max_rel: float = 0.0, name: str = "y") -> Agreement:
    output = OutputAgreement(name, max_abs, max_abs, max_rel, 1.0, 90.0, 0.5, within=True)
    return Agreement((output,), 3, (1, 2))


def works(route: str, *found: Measurement, runner: str = "Runner", hops: int = 1, **fields: Any) -> TrialResult:
    return TrialResult(
        route, Format.ONNX, runner, hops, Status.OK, fields.pop("agreement", agreement()), found, **fields
    )


def failed(route: str, kind: str = "exception", status: Status = Status.FAILED, runner: str = "Runner") -> TrialResult:
    return TrialResult(route, Format.ONNX, runner, 1, status, failure=Failure(kind, "no such operator"))


def run(*trials: TrialResult, builds: Sequence[BuildResult] = (), **fields: Any) -> PackageStatus:
    """A run with these trials, on one and the same machine unless another is given."""
    status = PackageStatus(
        title="net",
        created="2026-01-01T00:00:00+00:00",
        source=Format.TORCH,
        signature=SIGNATURE,
        environment=MACHINE,
        request=Request(),
        samples=(SampleSummary((("x", (2, 3)),), 2),),
        builds=tuple(builds),
        trials=trials,
        omissions=(),
        choices=(),
        notices=(),
        duration_s=1.0,
    )
    return attrs.evolve(status, **fields)

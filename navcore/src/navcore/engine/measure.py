"""measure(): how fast, from interleaved blocks, so that a drift of the machine hits every candidate alike."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import numpy as np

from navcore.contracts import Tensors
from navcore.domain import Failure, Measurement, OptimizationProfile, Ratio, TrialResult
from navcore.engine.failures import StepFailed
from navcore.engine.timing import Clock, Timer
from navcore.errors import first_line

__all__ = ["Sweep", "batch_sizes", "measure_round_robin"]

_BLOCK_NS = 50_000_000
_WARM_UP_CALLS = 10
_WARM_UP_NS = 1_000_000_000
_SETTLED = 0.1
_RESAMPLES = 500
_LARGEST_BATCH = 2**20


def batch_sizes(profile: OptimizationProfile) -> Iterator[int]:
    """Yield the batch sizes to try, ascending; without a limit, doubling until nobody wants more."""
    if profile.max_batch_size is None and profile.batch_sizes is not None:
        yield from profile.batch_sizes
        return
    size, limit = 1, profile.max_batch_size or _LARGEST_BATCH
    while size < limit:
        yield size
        size *= 2
    yield limit


@attrs.define
class Sweep:
    """One candidate on its way through the batch sizes.

    Attributes:
        name: Of the candidate.
        timer: What is timed, where it runs.
        measurements: What was found so far, by ascending batch size.
        notes: Why the sweep ended, if it did before the last batch size.
        saturated: Batch sizes in a row that brought less than the cut-off.
        ended: Whether the candidate takes part no more.
        failure: What ended it, where a step failed in a worker.
    """

    name: str
    timer: Timer
    measurements: list[Measurement] = attrs.field(factory=list)
    notes: list[str] = attrs.field(factory=list)
    saturated: int = 0
    ended: bool = False
    failure: Failure | None = None

    @staticmethod
    def resumed(name: str, timer: Timer, found: TrialResult, profile: OptimizationProfile) -> Sweep:
        """Return a sweep that goes on after the measurements that a trial has."""
        sweep = Sweep(name, timer)
        for measurement in found.measurements:
            sweep.add(measurement, profile)
        sweep.notes = list(found.notes)
        sweep.ended = sweep.ended or bool(found.notes)
        return sweep

    def add(self, measurement: Measurement, profile: OptimizationProfile) -> None:
        """Keep a measurement, and end the sweep once throughput has stopped growing."""
        best = max((earlier.throughput for earlier in self.measurements), default=0.0)
        self.measurements.append(measurement)
        cutoff = profile.throughput_cutoff_threshold
        if cutoff is None or (profile.batch_sizes is not None and profile.max_batch_size is None):
            return
        self.saturated = self.saturated + 1 if measurement.throughput < best * (1 + cutoff) else 0
        if self.saturated > profile.throughput_backoff_limit:
            self.ended = True
            self.notes.append(f"throughput stopped growing before batch size {measurement.batch_size}")

    def fail(self, batch_size: int | None, error: Exception) -> None:
        """End the sweep at a batch size that the candidate cannot run; what it has stays."""
        self.ended = True
        self.failure = error.failure if isinstance(error, StepFailed) else None
        at = f"batch size {batch_size}" if batch_size else "the sample"
        reason = self.failure.reason if self.failure else f"{type(error).__name__}: {first_line(error)}"
        self.notes.append(f"{at} failed: {reason}")


def measure_round_robin(
    sweeps: Sequence[Sweep],
    feeds: Tensors,
    batch_size: int | None,
    profile: OptimizationProfile,
    *,
    baseline: str | None,
    random: np.random.Generator,
    clock: Clock = time.perf_counter_ns,
    deadline: float = math.inf,
) -> int:
    """Measure every sweep that has not ended at one batch size, and return the number of rounds.

    Each round runs one block of every candidate, in random order. The block's first call is not counted: it pays for
    what the candidate before left in the caches.

    Args:
        sweeps: Measurements are added to them; one that raises is ended, and the others go on.
        feeds: Inputs at that batch size.
        batch_size: For throughput; None where there is no batch axis.
        profile: Sizes and stopping rule.
        baseline: Name of the sweep that the others are compared with; None where there is none.
        random: Order of the candidates, and the bootstrap.
        clock: For the bound on warming up.
        deadline: By time.monotonic(); after it, one round is the last.
    """
    timings = _warm_up([sweep for sweep in sweeps if not sweep.ended], feeds, batch_size, profile, clock)
    rounds = 0
    while timings and rounds < profile.max_trials:
        for index in random.permutation(len(timings)):
            timings[index].block(batch_size)
        timings = [timing for timing in timings if not timing.sweep.ended]
        rounds += 1
        if time.monotonic() > deadline:
            break
        if rounds >= max(profile.min_trials, profile.stabilization_windows) and _stable(timings, profile):
            break
    base = next((timing for timing in timings if timing.sweep.name == baseline), None)
    for timing in timings:
        against = base if base is not None and timing is not base else None
        timing.sweep.add(timing.summary(batch_size, against, random), profile)
    return rounds


@attrs.define
class _Timing:
    """One candidate at one batch size."""

    sweep: Sweep
    calls: int
    blocks_ms: list[float] = attrs.field(factory=list)
    calls_ms: list[float] = attrs.field(factory=list)

    def block(self, batch_size: int | None) -> None:
        """Time one block of calls, one by one."""
        if self.sweep.ended:
            return
        try:
            times = self.sweep.timer.block(self.calls)
        except Exception as error:  # a stranger's runtime may raise anything, out of memory included
            self.sweep.fail(batch_size, error)
            return
        self.calls_ms += times
        self.blocks_ms.append(sum(times) / len(times))

    def summary(self, batch_size: int | None, baseline: _Timing | None, random: np.random.Generator) -> Measurement:
        """Return what the blocks say."""
        calls, blocks = np.asarray(self.calls_ms), np.asarray(self.blocks_ms)
        p50, p90, p95, p99 = (float(value) for value in np.percentile(calls, [50, 90, 95, 99]))
        block = float(np.median(blocks))
        return Measurement(
            batch_size=batch_size,
            mean_ms=float(calls.mean()),
            std_ms=float(calls.std()),
            p50_ms=p50,
            p90_ms=p90,
            p95_ms=p95,
            p99_ms=p99,
            throughput=1000 * (batch_size or 1) / block,
            noise=_noise(blocks),
            calls=len(calls),
            blocks_ms=tuple(float(value) for value in blocks),
            ratio=_ratio(np.asarray(baseline.blocks_ms), blocks, random) if baseline is not None else None,
        )


def _warm_up(
    sweeps: Sequence[Sweep], feeds: Tensors, batch_size: int | None, profile: OptimizationProfile, clock: Clock
) -> list[_Timing]:
    timings = []
    for sweep in sweeps:
        try:
            sweep.timer.bind(feeds)
            call_ms = _settle(sweep.timer, clock)
        except Exception as error:  # a stranger's runtime may raise anything, out of memory included
            sweep.fail(batch_size, error)
            continue
        calls = math.ceil(_BLOCK_NS / 1e6 / max(call_ms, 1e-6))
        timings.append(_Timing(sweep, max(1, min(profile.window_size, calls))))
    return timings


def _settle(timer: Timer, clock: Clock) -> float:
    """Call until two calls in a row take about the same time, and return that time in ms."""
    start = clock()
    times = timer.block(1)
    while len(times) < _WARM_UP_CALLS and clock() - start < _WARM_UP_NS:
        times += timer.block(1)
        if abs(times[-1] - times[-2]) <= _SETTLED * times[-2]:
            break
    return times[-1]


def _stable(timings: Sequence[_Timing], profile: OptimizationProfile) -> bool:
    return all(_noise(np.asarray(timing.blocks_ms)) * 100 <= profile.stability_percentage for timing in timings)


def _noise(blocks: np.ndarray[Any, Any]) -> float:
    """Relative half-width of the 95 % interval of the median, by its normal approximation from quartiles.

    1.57 * IQR / sqrt(n) is the notch of a box plot (McGill, Tukey and Larsen, 1978).
    """
    low, median, high = np.percentile(blocks, [25, 50, 75])
    return float(1.57 * (high - low) / math.sqrt(len(blocks)) / median)


def _ratio(baseline: np.ndarray[Any, Any], blocks: np.ndarray[Any, Any], random: np.random.Generator) -> Ratio:
    """Median of the paired ratios baseline / candidate with its 95 % bootstrap interval, computed on logarithms."""
    logs = np.log(baseline) - np.log(blocks)
    picks = random.integers(0, len(logs), (_RESAMPLES, len(logs)))
    low, high = np.percentile(np.median(logs[picks], axis=1), [2.5, 97.5])
    return Ratio(*(float(math.exp(value)) for value in (np.median(logs), low, high)))

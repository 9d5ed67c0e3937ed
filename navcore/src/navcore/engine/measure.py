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

_BLOCK_NS = 25_000_000
_WARM_UP_CALLS = 10
_WARM_UP_NS = 1_000_000_000
_SETTLED = 0.1
_OUTSIDE = 0.05
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
        works_at: Largest batch size among the samples, at which the candidate is known to work.
        failure: What went wrong last, where a step failed in a worker.
    """

    name: str
    timer: Timer
    measurements: list[Measurement] = attrs.field(factory=list)
    notes: list[str] = attrs.field(factory=list)
    saturated: int = 0
    ended: bool = False
    works_at: int = 0
    failure: Failure | None = None

    @staticmethod
    def resumed(name: str, timer: Timer, found: TrialResult, profile: OptimizationProfile) -> Sweep:
        """Return a sweep that goes on after the measurements that a trial has."""
        sizes = found.agreement.batch_sizes if found.agreement is not None else ()
        sweep = Sweep(name, timer, works_at=max(sizes, default=0))
        for measurement in found.measurements:
            sweep.add(measurement, profile)
        sweep.notes = list(found.notes)
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

    def fail(self, batch_size: int | None, error: BaseException) -> None:
        """Note a batch size that the candidate cannot run; beyond those of the samples that ends its sweep."""
        self.failure = error.failure if isinstance(error, StepFailed) else None
        at = f"batch size {batch_size}" if batch_size else "the sample"
        reason = self.failure.reason if self.failure else f"{type(error).__name__}: {first_line(error)}"
        self.notes.append(f"{at} failed: {reason}")
        self.ended = batch_size is None or batch_size > self.works_at


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
        random: Order of the candidates.
        clock: For the bound on warming up.
        deadline: By time.monotonic(); after it, one round is the last.
    """
    timings = _warm_up([sweep for sweep in sweeps if not sweep.ended], feeds, batch_size, profile, clock)
    fewest = 2 * max(profile.min_trials, profile.stabilization_windows)
    rounds = 0
    while timings and rounds < 2 * profile.max_trials:
        for index in random.permutation(len(timings)):
            timings[index].block(batch_size)
        timings = [timing for timing in timings if not timing.failed]
        rounds += 1
        if time.monotonic() > deadline or (rounds >= fewest and _stable(timings, profile)):
            break
    _add(timings, sweeps, batch_size, profile, baseline)
    return rounds


def _add(
    timings: Sequence[_Timing],
    sweeps: Sequence[Sweep],
    batch_size: int | None,
    profile: OptimizationProfile,
    baseline: str | None,
) -> None:
    """Give every sweep its measurement; none where the source itself cannot run the batch size."""
    base = next((timing for timing in timings if timing.sweep.name == baseline), None)
    source = next((sweep for sweep in sweeps if sweep.name == baseline), None)
    if base is None and source is not None and not source.ended:
        for timing in timings:
            timing.sweep.notes.append(f"batch size {batch_size} does not count: the source cannot run it")
        return
    for timing in timings:
        timing.sweep.add(timing.summary(batch_size, base if timing is not base else None), profile)


@attrs.define
class _Timing:
    """One candidate at one batch size."""

    sweep: Sweep
    calls: int
    blocks_ms: list[float] = attrs.field(factory=list)
    calls_ms: list[float] = attrs.field(factory=list)
    failed: bool = False

    def block(self, batch_size: int | None) -> None:
        """Time one block of calls, one by one."""
        try:
            times = self.sweep.timer.block(self.calls)
        except (Exception, SystemExit) as error:  # a stranger's runtime may raise anything, out of memory included
            self.sweep.fail(batch_size, error)
            self.failed = True
            return
        self.calls_ms += times
        self.blocks_ms.append(sum(times) / len(times))

    def summary(self, batch_size: int | None, baseline: _Timing | None) -> Measurement:
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
            ratio=_ratio(np.asarray(baseline.blocks_ms), blocks) if baseline is not None else None,
        )


def _warm_up(
    sweeps: Sequence[Sweep], feeds: Tensors, batch_size: int | None, profile: OptimizationProfile, clock: Clock
) -> list[_Timing]:
    timings = []
    for sweep in sweeps:
        try:
            sweep.timer.bind(feeds)
            call_ms = _settle(sweep.timer, clock)
        except (Exception, SystemExit) as error:  # a stranger's runtime may raise anything, out of memory included
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
    """Half-width of the interval of the median block, relative to it; infinite for a single block."""
    if len(blocks) < 2:
        return math.inf
    low, high = _interval(blocks)
    return float((high - low) / 2 / np.median(blocks))


def _ratio(baseline: np.ndarray[Any, Any], blocks: np.ndarray[Any, Any]) -> Ratio:
    """Median of the paired ratios baseline / candidate with its interval."""
    ratios = baseline / blocks
    low, high = _interval(ratios)
    return Ratio(float(np.median(ratios)), low, high)


def _interval(values: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Return the exact 95 % interval of the median, from order statistics; of fewer than six values, their range.

    Between the k-th smallest and the k-th largest of n values lies the median of their distribution, whatever it is,
    with probability 1 - 2 * P(Binomial(n, 1/2) < k). A bootstrap of so few medians covers far less than it says: 74 %
    with 3 rounds in a simulation with 5 % noise.
    """
    ordered = np.sort(values)
    count = len(ordered)
    outside, skip = 0.0, 0
    while True:
        outside += 2 * math.comb(count, skip) / 2**count
        if outside > _OUTSIDE or 2 * (skip + 1) > count:
            break
        skip += 1
    rank = max(skip - 1, 0)
    return float(ordered[rank]), float(ordered[count - 1 - rank])

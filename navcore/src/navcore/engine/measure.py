"""measure(): how fast, from interleaved blocks, so that a drift of the machine hits every candidate alike."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import attrs
import numpy as np

from navcore.contracts import Tensors
from navcore.domain import Measurement, NoiseFloor, OptimizationProfile
from navcore.engine.race import Pace, Standing, standing
from navcore.engine.statistics import SMALLEST, interval, noise, ratio
from navcore.engine.sweep import Sweep
from navcore.engine.timing import Block, Clock, Timer
from navcore.errors import any_failure

__all__ = ["Rounds", "measure_round_robin"]

_WARM_UP_CALLS = 10
_WARM_UP_NS = 1_000_000_000
_SETTLED = 0.1
_NO_LEAD_MS = 50.0


@attrs.frozen
class Rounds:
    """What measuring at one batch size took, and what it says about itself.

    Attributes:
        count: Rounds.
        floor: The A/A pair; None where a single round was left for it.
    """

    count: int
    floor: NoiseFloor | None = None


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
    pace: Pace | None = None,
) -> Rounds:
    """Measure every sweep that has not ended at one batch size.

    Each round runs one block of every candidate, in random order, and a second block of the quickest: the A/A pair. In
    a quick measurement, a candidate that cannot be the fastest any more runs no further rounds; the baseline runs six.

    Args:
        sweeps: Measurements are added to them; one that raises is ended, and the others go on.
        feeds: Inputs at that batch size.
        batch_size: For throughput; None where there is no batch axis.
        profile: Sizes and stopping rule.
        baseline: Name of the sweep that the others are compared with; None where there is none.
        random: Order of the candidates.
        clock: For the bound on warming up.
        deadline: By time.monotonic(); after it, one round is the last.
        pace: How much is measured; None: quick, as the profile says.
    """
    pace = pace or Pace.of(profile)
    timings = _warm_up([sweep for sweep in sweeps if sweep.takes(batch_size)], feeds, batch_size, pace, clock)
    if not timings:
        return Rounds(0)
    quickest = min(timings, key=lambda timing: timing.settled_ms)
    twin = _Timing(quickest.sweep, quickest.shape, quickest.settled_ms, quickest.fate)
    count, placed = 0, None
    while count < pace.most:
        running = [timing for timing in (*timings, twin) if not timing.fate.sealed]
        if not running:
            break
        for index in random.permutation(len(running)):
            running[index].block(batch_size)
        timings = [timing for timing in timings if not timing.fate.failed]
        if not timings:
            break
        count += 1
        placed = standing({timing.sweep.name: timing.blocks_ms for timing in timings}, pace)
        if time.monotonic() > deadline or (count >= pace.fewest and _is_over(timings, placed, pace)):
            break
        if pace.racing:
            _drop(timings, placed, baseline)
    floor = _floor(timings, twin, batch_size)
    counts = _add(timings, sweeps, batch_size, profile, baseline, floor)
    if not counts:
        return Rounds(count)
    if placed is not None and pace.racing:
        _settle_places(timings, placed, baseline, batch_size, profile)
    return Rounds(count, floor)


def _is_over(timings: Sequence[_Timing], placed: Standing, pace: Pace) -> bool:
    if pace.racing:
        return placed.clear
    return all(noise(timing.blocks_ms) <= pace.stability for timing in timings)


def _drop(timings: Sequence[_Timing], placed: Standing, baseline: str | None) -> None:
    """End the rounds of those that are beaten; the baseline runs enough of them for an interval."""
    for timing in timings:
        enough = timing.sweep.name != baseline or len(timing.blocks_ms) >= SMALLEST
        timing.fate.dropped = timing.fate.dropped or (timing.sweep.name in placed.beaten and enough)


def _settle_places(
    timings: Sequence[_Timing],
    placed: Standing,
    baseline: str | None,
    batch_size: int | None,
    profile: OptimizationProfile,
) -> None:
    for timing in timings:
        behind = placed.beaten.get(timing.sweep.name)
        if behind is None:
            timing.sweep.hold()
        elif timing.sweep.name != baseline:
            timing.sweep.lose(behind, placed.leader, batch_size, profile)


def _floor(timings: Sequence[_Timing], twin: _Timing, batch_size: int | None) -> NoiseFloor | None:
    original = next((timing for timing in timings if timing.sweep is twin.sweep), None)
    if original is None or len(twin.blocks_ms) < 2:
        return None
    return NoiseFloor(batch_size, twin.sweep.name, ratio(original.blocks_ms, twin.blocks_ms))


def _add(
    timings: Sequence[_Timing],
    sweeps: Sequence[Sweep],
    batch_size: int | None,
    profile: OptimizationProfile,
    baseline: str | None,
    floor: NoiseFloor | None,
) -> bool:
    """Give every sweep its measurement, and return whether; none where the source itself cannot run the batch size."""
    base = next((timing for timing in timings if timing.sweep.name == baseline), None)
    source = next((sweep for sweep in sweeps if sweep.name == baseline), None)
    if base is None and source is not None and not source.ended:
        for timing in timings:
            timing.sweep.notes.append(f"batch size {batch_size} does not count: the source cannot run it")
        return False
    size = floor.size if floor is not None else 0.0
    for timing in timings:
        drift = _drift(timing, timings)
        timing.sweep.add(timing.summary(batch_size, base if timing is not base else None, size, drift), profile)
    return True


def _drift(timing: _Timing, timings: Sequence[_Timing]) -> float:
    """Return how much slower the machine was in all rounds than in those of a candidate that ended early.

    By the quickest of those that ran all of them.
    """
    rounds = max(len(other.blocks_ms) for other in timings)
    mine = len(timing.blocks_ms)
    if mine == rounds:
        return 1.0
    whole = [other.blocks_ms for other in timings if len(other.blocks_ms) == rounds]
    leader = min(whole, key=lambda blocks: float(np.median(blocks)))
    return float(np.median(leader) / np.median(leader[:mine]))


@attrs.define
class _Fate:
    """Why a candidate runs no further rounds; an A/A pair shares one."""

    failed: bool = False
    dropped: bool = False

    @property
    def sealed(self) -> bool:
        """Whether it runs no further rounds."""
        return self.failed or self.dropped


@attrs.define
class _Timing:
    """One candidate at one batch size."""

    sweep: Sweep
    shape: Block
    settled_ms: float
    fate: _Fate = attrs.field(factory=_Fate)
    blocks_ms: list[float] = attrs.field(factory=list)
    samples_ms: list[float] = attrs.field(factory=list)

    def block(self, batch_size: int | None) -> None:
        """Time one block, unless the other half of the pair has failed since the round began."""
        if self.fate.failed:
            return
        try:
            times = self.sweep.timer.block(self.shape)
        except any_failure() as error:  # a stranger's runtime may raise anything, out of memory included
            self.sweep.fail(batch_size, error)
            self.fate.failed = True
            return
        self.samples_ms += times
        self.blocks_ms.append(sum(times) / len(times))

    def summary(self, batch_size: int | None, baseline: _Timing | None, floor: float, drift: float) -> Measurement:
        """Return what the blocks say, in proportion to the drift of the machine since they ran."""
        samples, blocks = drift * np.asarray(self.samples_ms), drift * np.asarray(self.blocks_ms)
        p50, p90, p95, p99 = (float(value) for value in np.percentile(samples, [50, 90, 95, 99]))
        low, high = interval(self.blocks_ms)
        return Measurement(
            batch_size=batch_size,
            mean_ms=float(samples.mean()),
            std_ms=float(samples.std()),
            p50_ms=p50,
            p90_ms=p90,
            p95_ms=p95,
            p99_ms=p99,
            throughput=1000 * (batch_size or 1) / float(np.median(blocks)),
            noise=noise(self.blocks_ms),
            calls=len(samples) * self.shape.calls,
            blocks_ms=tuple(self.blocks_ms),
            ratio=ratio(baseline.blocks_ms, self.blocks_ms, floor) if baseline is not None else None,
            low_ms=drift * low,
            high_ms=drift * high,
            samples_ms=tuple(self.samples_ms),
            calls_per_sample=self.shape.calls,
            dropped=self.fate.dropped,
        )


def _warm_up(
    sweeps: Sequence[Sweep], feeds: Tensors, batch_size: int | None, pace: Pace, clock: Clock
) -> list[_Timing]:
    timings = []
    for sweep in sweeps:
        try:
            sweep.timer.bind(feeds)
            call_ms = _settle(sweep.timer, clock)
        except any_failure() as error:  # a stranger's runtime may raise anything, out of memory included
            sweep.fail(batch_size, error)
            continue
        timings.append(_Timing(sweep, _shape(call_ms, pace), call_ms))
    return timings


def _shape(call_ms: float, pace: Pace) -> Block:
    """Return the block that takes about as long as the pace says, with a clock that counts for less than 0.1 %."""
    wanted = pace.block_ms / max(call_ms, 1e-6)
    calls = max(1, math.floor(wanted / pace.window))
    samples = max(1, min(pace.window, math.ceil(wanted / calls)))
    return Block(samples, calls, lead=1 if call_ms < _NO_LEAD_MS else 0)


def _settle(timer: Timer, clock: Clock) -> float:
    """Call until two calls in a row take about the same time, and return that time in ms."""
    start = clock()
    times = timer.block(Block())
    while len(times) < _WARM_UP_CALLS and clock() - start < _WARM_UP_NS:
        times += timer.block(Block())
        if abs(times[-1] - times[-2]) <= _SETTLED * times[-2]:
            break
    return times[-1]

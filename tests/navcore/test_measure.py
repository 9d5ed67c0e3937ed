"""measure: blocks, rounds and sweeps, with a clock that the test turns by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest

from navcore.contracts import Tensors
from navcore.domain import OptimizationProfile
from navcore.engine.measure import Rounds, measure_round_robin
from navcore.engine.race import Pace
from navcore.engine.statistics import interval
from navcore.engine.sweep import Sweep, batch_sizes
from navcore.engine.timing import LocalTimer

FEEDS: Tensors = {"x": np.zeros((1, 1), np.float32)}


@attrs.define
class Clock:
    """Time that passes only inside the candidates."""

    now_ns: int = 0
    drift: float = 1.0

    def __call__(self) -> int:
        return self.now_ns

    def candidate(self, name: str, ms: float, calls: list[str] | None = None) -> Sweep:
        def infer(feeds: Tensors) -> Tensors:
            self.now_ns += int(ms * 1e6 * self.drift)
            if calls is not None:
                calls.append(name)
            return feeds

        return Sweep(name, LocalTimer(infer, self))


def measure(
    clock: Callable[[], int], *sweeps: Sweep, batch_size: int | None = 1, way: str = "quick", **options: Any
) -> Rounds:
    return measure_round_robin(
        sweeps,
        FEEDS,
        batch_size,
        OptimizationProfile(**options),
        baseline="source",
        random=np.random.default_rng(0),
        clock=clock,
        pace=Pace.of(OptimizationProfile(**options), way),
    )


def test_latency_and_throughput_are_those_of_the_clock() -> None:
    clock = Clock()
    sweep = clock.candidate("source", ms=4.0)
    measure(clock, sweep, batch_size=8)
    (found,) = sweep.measurements

    assert (4.0, 4.0, 4.0, 0.0) == (found.mean_ms, found.p50_ms, found.p99_ms, found.std_ms)
    assert 2000.0 == pytest.approx(found.throughput)
    assert 8 == found.batch_size


def test_the_ratio_is_paired_against_the_baseline() -> None:
    clock = Clock()
    source, fast = clock.candidate("source", ms=4.0), clock.candidate("fast", ms=2.0)
    measure(clock, source, fast)

    assert source.measurements[0].ratio is None
    ratio = fast.measurements[0].ratio
    assert ratio is not None
    assert (2.0, 2.0, 2.0) == pytest.approx((ratio.value, ratio.low, ratio.high))


def test_a_drift_of_the_machine_does_not_move_the_ratio() -> None:
    clock = Clock()
    calls: list[str] = []
    source, fast = clock.candidate("source", 4.0, calls), clock.candidate("fast", 2.0, calls)

    class Drifting(Clock):
        def __call__(self) -> int:
            clock.drift = 1.0 + len(calls) / 400
            return clock.now_ns

    measure(Drifting(), source, fast)
    ratio = fast.measurements[0].ratio

    assert ratio is not None
    assert 2.0 == pytest.approx(ratio.value, rel=0.15)


def test_every_round_runs_one_block_of_every_candidate() -> None:
    clock = Clock()
    sweeps = [clock.candidate(name, ms=10.0) for name in ("source", "a", "b")]
    rounds = measure(clock, *sweeps)

    assert 6 == rounds.count
    assert [6, 6, 6] == [len(sweep.measurements[0].blocks_ms) for sweep in sweeps]


def test_a_block_has_at_most_window_size_calls_and_at_least_one() -> None:
    clock = Clock()
    quick, slow = clock.candidate("fast", ms=2.0), clock.candidate("source", ms=400.0)
    measure(clock, quick, slow, window_size=7)

    assert 6 * 7 == quick.measurements[0].calls
    assert 6 == slow.measurements[0].calls


def test_calls_too_short_for_the_clock_are_timed_several_at_once() -> None:
    clock = Clock()
    short = clock.candidate("source", ms=0.01)
    measure(clock, short, window_size=10)
    (found,) = short.measurements

    assert 250 == found.calls_per_sample
    assert 6 * 10 * 250 == found.calls
    assert 60 == len(found.samples_ms)
    assert 0.01 == pytest.approx(found.p99_ms)


def test_a_candidate_that_cannot_win_runs_no_further_rounds() -> None:
    clock = Clock()
    source, fast, slow = (clock.candidate(name, ms) for name, ms in (("source", 40.0), ("fast", 10.0), ("slow", 20.0)))
    rounds = measure(clock, source, fast, slow)

    assert 6 == rounds.count
    assert [6, 6, 3] == [len(sweep.measurements[0].blocks_ms) for sweep in (source, fast, slow)]
    assert [False, False, True] == [sweep.measurements[0].dropped for sweep in (source, fast, slow)]
    assert slow.measurements[0].ratio is not None
    assert 2.0 == pytest.approx(slow.measurements[0].ratio.value)


def test_a_machine_that_slows_down_does_whoever_was_dropped_no_favour() -> None:
    clock = Clock()
    calls: list[str] = []
    source, other, slow = (
        clock.candidate(name, ms, calls) for name, ms in (("source", 10.0), ("other", 10.05), ("slow", 14.0))
    )

    def drifting() -> int:
        clock.drift = 1.0 if calls.count("slow") < 12 else 2.0  # after its three rounds
        return clock.now_ns

    for sweep in (source, other, slow):
        assert isinstance(sweep.timer, LocalTimer)
        sweep.timer.clock = drifting
    measure(drifting, source, other, slow, min_trials=9, max_trials=9)
    found = {sweep.name: sweep.measurements[0] for sweep in (source, other, slow)}

    assert found["slow"].dropped
    assert len(found["slow"].blocks_ms) < len(found["source"].blocks_ms)
    assert 1.4 == pytest.approx(found["slow"].p50_ms / found["source"].p50_ms, rel=0.05)
    assert 1.4 == pytest.approx(found["source"].throughput / found["slow"].throughput, rel=0.05)


def test_a_thorough_measurement_drops_nobody() -> None:
    clock = Clock()
    sweeps = [clock.candidate(name, ms) for name, ms in (("source", 40.0), ("fast", 10.0), ("slow", 20.0))]
    rounds = measure(clock, *sweeps, way="thorough")

    assert 12 == rounds.count
    assert [12, 12, 12] == [len(sweep.measurements[0].blocks_ms) for sweep in sweeps]


def test_a_candidate_that_falls_far_behind_twice_is_dropped_from_larger_batches() -> None:
    clock = Clock()
    source, fast, slow = (clock.candidate(name, ms) for name, ms in (("source", 4.0), ("fast", 1.0), ("slow", 3.0)))
    measure(clock, source, fast, slow, batch_size=1)
    assert not slow.ended
    measure(clock, source, fast, slow, batch_size=2)

    assert slow.ended
    assert ["dropped after batch size 2: it takes 3.0 times as long as fast there, and was no closer before"] == (
        slow.notes
    )
    assert not source.ended


def test_a_candidate_that_comes_closer_stays() -> None:
    clock = Clock()
    source, fast, slow = (clock.candidate(name, ms) for name, ms in (("source", 9.0), ("fast", 1.0), ("slow", 9.0)))
    for size, ms in ((1, 9.0), (2, 6.0), (4, 4.0)):
        slow.timer = clock.candidate("slow", ms).timer
        measure(clock, source, fast, slow, batch_size=size)

    assert not slow.ended


def test_batch_sizes_that_the_user_lists_are_measured_for_everybody() -> None:
    clock = Clock()
    source, slow = clock.candidate("source", 1.0), clock.candidate("slow", 5.0)
    for size in (1, 2, 3):
        measure(clock, source, slow, batch_size=size, batch_sizes=(1, 2, 3))

    assert 3 == len(slow.measurements)


def test_the_quickest_is_measured_against_itself() -> None:
    clock = Clock()
    rounds = measure(clock, clock.candidate("source", 4.0), clock.candidate("fast", 2.0), batch_size=8)

    assert rounds.floor is not None
    assert ("fast", 8, 1.0, 0.0) == (
        rounds.floor.subject,
        rounds.floor.batch_size,
        rounds.floor.ratio.value,
        rounds.floor.size,
    )


def test_a_noisy_candidate_is_kept_with_its_noise_after_max_trials() -> None:
    clock = Clock()
    steps = iter(range(10_000))

    def infer(feeds: Tensors) -> Tensors:
        clock.now_ns += int(1e8 * (1 + next(steps) % 5))
        return feeds

    noisy = Sweep("noisy", LocalTimer(infer, clock))
    rounds = measure(clock, noisy, max_trials=6)

    assert 12 == rounds.count
    assert noisy.measurements[0].noise > 0.1


def test_a_candidate_that_raises_ends_alone_and_keeps_what_it_has() -> None:
    clock = Clock()
    good = clock.candidate("source", ms=1.0)

    def infer(feeds: Tensors) -> Tensors:
        raise MemoryError("out of memory\nsecond line")

    broken = Sweep("broken", LocalTimer(infer, clock))
    measure(clock, good, broken, batch_size=64)

    assert broken.ended
    assert ["batch size 64 failed: MemoryError: out of memory"] == broken.notes
    assert 1 == len(good.measurements)


def test_the_sweep_ends_once_throughput_has_stopped_growing_and_keeps_every_size() -> None:
    clock = Clock()
    profile = OptimizationProfile()
    saturated = {1: 1.0, 2: 1.2, 4: 2.4, 8: 4.8, 16: 9.6}
    sweeps = [clock.candidate("source", 1.0)]
    for size, ms in saturated.items():
        if sweeps[0].ended:
            break
        sweeps[0].timer = clock.candidate("source", ms).timer
        measure(clock, *sweeps, batch_size=size)

    assert [1, 2, 4, 8, 16] == [found.batch_size for found in sweeps[0].measurements]
    assert sweeps[0].ended
    assert ["throughput stopped growing before batch size 16"] == sweeps[0].notes
    assert 2 == profile.throughput_backoff_limit


def test_batch_sizes_that_the_user_lists_are_all_measured() -> None:
    clock = Clock()
    sweep = clock.candidate("source", ms=1.0)
    profile = OptimizationProfile(batch_sizes=(1, 1, 2, 3, 4, 5))
    for size in batch_sizes(profile):
        sweep.timer = clock.candidate("source", float(size)).timer
        measure_round_robin([sweep], FEEDS, size, profile, baseline=None, random=np.random.default_rng(0), clock=clock)

    assert [1, 2, 3, 4, 5] == [found.batch_size for found in sweep.measurements]
    assert not sweep.ended


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"max_batch_size": 1}, [1]),
        ({"max_batch_size": 8}, [1, 2, 4, 8]),
        ({"max_batch_size": 12}, [1, 2, 4, 8, 12]),
        ({"batch_sizes": (32, 5)}, [5, 32]),
        ({"max_batch_size": 2, "batch_sizes": (32, 5)}, [1, 2]),
    ],
)
def test_batch_sizes_follow_the_profile(options: dict[str, object], expected: list[int]) -> None:
    assert expected == list(batch_sizes(OptimizationProfile(**options)))  # type: ignore[arg-type]


def test_without_limits_batch_sizes_double() -> None:
    sizes = batch_sizes(OptimizationProfile())

    assert [1, 2, 4, 8, 16] == [next(sizes) for _ in range(5)]


def test_a_size_below_the_samples_that_fails_does_not_end_the_sweep() -> None:
    clock = Clock()
    sweep = clock.candidate("source", 1.0)
    sweep.works_at = 4

    def refuse(feeds: Tensors) -> Tensors:
        raise ValueError("expected more than 1 value per channel")

    good, sweep.timer = sweep.timer, LocalTimer(refuse, clock)
    measure(clock, sweep, batch_size=1)
    sweep.timer = good
    measure(clock, sweep, batch_size=2)

    assert not sweep.ended
    assert [2] == [found.batch_size for found in sweep.measurements]
    assert ["batch size 1 failed: ValueError: expected more than 1 value per channel"] == sweep.notes


def test_a_size_that_the_source_cannot_run_counts_for_nobody() -> None:
    clock = Clock()

    def refuse(feeds: Tensors) -> Tensors:
        raise ValueError("too small")

    source = Sweep("source", LocalTimer(refuse, clock), works_at=4)
    fast = clock.candidate("fast", 1.0)
    measure(clock, source, fast, batch_size=1)

    assert [] == fast.measurements
    assert ["batch size 1 does not count: the source cannot run it"] == fast.notes


@pytest.mark.parametrize(("rounds", "coverage"), [(6, 0.95), (10, 0.95), (20, 0.95)])
def test_the_interval_covers_what_it_says(rounds: int, coverage: float) -> None:
    generator = np.random.default_rng(0)
    hits = 0
    for _ in range(1000):
        low, high = interval(np.exp(0.05 * generator.standard_normal(rounds)))
        hits += low <= 1.0 <= high

    assert hits / 1000 >= coverage - 0.015


def test_a_single_block_tells_nothing_about_noise() -> None:
    clock = Clock()
    sweep = clock.candidate("source", 1.0)
    measure_round_robin(
        [sweep],
        FEEDS,
        1,
        OptimizationProfile(),
        baseline=None,
        random=np.random.default_rng(0),
        clock=clock,
        deadline=0.0,
    )

    assert np.inf == sweep.measurements[0].noise

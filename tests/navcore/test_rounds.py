"""measure: percentiles, stopping, failures in the middle and the A/A pair, with clock and random source by hand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from navcore.contracts import Tensors
from navcore.domain import OptimizationProfile
from navcore.engine.measure import Rounds, measure_round_robin
from navcore.engine.race import Pace
from navcore.engine.sweep import Sweep
from navcore.engine.timing import LocalTimer

FEEDS: Tensors = {"x": np.zeros((1, 1), np.float32)}
LONG_MS = 100.0
"""A call that is a block by itself, so that a test can count rounds by calls; two of them warm up."""


@attrs.define
class Bench:
    """Time that passes only inside the candidates, and the calls in their order."""

    now_ns: int = 0
    calls: list[str] = attrs.field(factory=list)

    def __call__(self) -> int:
        return self.now_ns

    def candidate(self, name: str, times_ms: float | Iterable[float | Exception]) -> Sweep:
        """Takes these times, one call after the other; raises those that are exceptions."""
        script: Iterator[float | Exception] = iter(
            itertools.repeat(times_ms) if isinstance(times_ms, float) else times_ms
        )

        def infer(feeds: Tensors) -> Tensors:
            self.calls.append(name)
            step = next(script)
            if isinstance(step, Exception):
                raise step
            self.now_ns += round(step * 1e6)
            return feeds

        return Sweep(name, LocalTimer(infer, self))


@attrs.frozen
class InOrder:
    """A random source that always says: as they stand, or the other way round."""

    backwards: bool = False

    def permutation(self, count: int) -> Sequence[int]:
        return list(reversed(range(count))) if self.backwards else list(range(count))


def measure(bench: Bench, *sweeps: Sweep, way: str = "quick", deadline: float = math.inf, **options: Any) -> Rounds:
    random: Any = options.pop("random", None) or np.random.default_rng(0)
    batch_size = options.pop("batch_size", 1)
    profile = OptimizationProfile(**options)
    return measure_round_robin(
        sweeps,
        FEEDS,
        batch_size,
        profile,
        baseline="source",
        random=random,
        clock=bench,
        deadline=deadline,
        pace=Pace.of(profile, way),
    )


def rounds_of(*sweeps: Sweep) -> list[int]:
    return [len(sweep.measurements[-1].blocks_ms) for sweep in sweeps]


def after(count: int, error: Exception, ms: float = LONG_MS) -> Iterator[float | Exception]:
    """So many calls that work, and then none any more."""
    yield from itertools.repeat(ms, count)
    yield from itertools.repeat(error)


def test_percentiles_are_those_of_the_samples() -> None:
    bench = Bench()
    order = np.random.default_rng(3).permutation(101) + 1.0
    block = [0.2, *order]  # a call that leads, and 1, 2, ... 101 ms in any order
    sweep = bench.candidate("source", itertools.chain([0.2, 0.2], block, block))
    measure(bench, sweep, batch_size=4, window_size=101, deadline=0.0)
    (found,) = sweep.measurements

    assert 101 == found.calls == len(found.samples_ms)
    assert (51.0, 91.0, 96.0, 100.0) == pytest.approx((found.p50_ms, found.p90_ms, found.p95_ms, found.p99_ms))
    assert (51.0, math.sqrt((101**2 - 1) / 12)) == pytest.approx((found.mean_ms, found.std_ms))
    assert 1000 * 4 / 51 == pytest.approx(found.throughput)


def test_throughput_is_that_of_the_median_block_and_a_wild_one_does_not_move_it() -> None:
    bench = Bench()
    sweep = bench.candidate("source", itertools.chain([LONG_MS] * 4, [5 * LONG_MS] * 2, itertools.repeat(LONG_MS)))
    measure(bench, sweep)
    (found,) = sweep.measurements

    assert 10.0 == pytest.approx(found.throughput)
    assert found.mean_ms > LONG_MS


def test_it_stops_as_soon_as_it_is_stable() -> None:
    bench = Bench()
    # Slow in the first round, the A/A pair as well; from nine rounds on the interval leaves one block out at each end.
    sweep = bench.candidate("source", itertools.chain([LONG_MS] * 2, [5 * LONG_MS] * 2, itertools.repeat(LONG_MS)))
    rounds = measure(bench, sweep)

    assert 9 == rounds.count
    assert 0.0 == sweep.measurements[0].noise
    assert (LONG_MS, LONG_MS) == (sweep.measurements[0].low_ms, sweep.measurements[0].high_ms)


@pytest.mark.parametrize(("way", "expected"), [("quick", 20), ("thorough", 40)])
def test_it_stops_at_the_cap_with_everybody_measured(way: str, expected: int) -> None:
    bench = Bench()
    wild = [LONG_MS, 3 * LONG_MS, 2 * LONG_MS]
    sweeps = [bench.candidate("source", itertools.cycle(wild)), bench.candidate("a", itertools.cycle(wild[::-1]))]
    rounds = measure(bench, *sweeps, way=way)

    assert expected == rounds.count
    assert all(sweep.measurements[0].noise > 0.1 and not sweep.ended for sweep in sweeps)


@given(
    st.lists(st.lists(st.integers(1, 1000), min_size=1, max_size=9), min_size=2, max_size=4),
    st.sampled_from(["quick", "thorough"]),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_nobody_is_ever_lost_however_noisy(patterns: list[list[int]], way: str, seed: int) -> None:
    bench = Bench()
    sweeps = [
        bench.candidate("source" if place == 0 else f"other-{place}", itertools.cycle(map(float, pattern)))
        for place, pattern in enumerate(patterns)
    ]
    rounds = measure(bench, *sweeps, way=way, max_trials=5, random=np.random.default_rng(seed))

    assert [1] * len(sweeps) == [len(sweep.measurements) for sweep in sweeps]
    assert not any(sweep.ended for sweep in sweeps)
    assert rounds.count == max(rounds_of(*sweeps))
    assert min(rounds_of(*sweeps)) >= 3
    assert rounds_of(sweeps[0])[0] >= 6


def test_the_random_source_gives_the_order_of_every_round() -> None:
    orders = []
    for random in (InOrder(), InOrder(backwards=True)):
        bench = Bench()
        measure(bench, bench.candidate("source", LONG_MS), bench.candidate("b", LONG_MS + 1), random=random)
        orders.append(bench.calls[4:])  # after two calls each that warm up

    assert ["source", "b", "source"] * 6 == orders[0]
    assert ["source", "b", "source"] * 6 == orders[1][::-1]
    assert orders[0] == orders[1][::-1]


def test_equal_seeds_give_equal_orders_and_others_others() -> None:
    def order(seed: int) -> list[str]:
        bench = Bench()
        sweeps = [bench.candidate(name, LONG_MS) for name in ("source", "a", "b", "c")]
        measure(bench, *sweeps, random=np.random.default_rng(seed))
        return bench.calls

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_one_that_fails_in_the_middle_of_its_rounds_ends_alone_with_one_note() -> None:
    bench = Bench()
    source = bench.candidate("source", LONG_MS)
    broken = bench.candidate("broken", after(5, MemoryError("no room"), ms=LONG_MS + 1))
    rounds = measure(bench, source, broken, batch_size=8)

    assert 6 == rounds.count
    assert [6] == rounds_of(source)
    assert ([], True) == (broken.measurements, broken.ended)
    assert ["batch size 8 failed: MemoryError: no room"] == broken.notes
    assert 6 == bench.calls.count("broken")


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("calls", [6, 7])
def test_the_quickest_that_fails_in_the_middle_is_told_once_and_not_called_again(calls: int, backwards: bool) -> None:
    # It runs two blocks in every round, as one and as its own twin; whichever fails, both are over.
    bench = Bench()
    source = bench.candidate("source", 2 * LONG_MS)
    broken = bench.candidate("broken", after(calls, MemoryError("no room")))
    rounds = measure(bench, source, broken, batch_size=8, random=InOrder(backwards))

    assert ["batch size 8 failed: MemoryError: no room"] == broken.notes
    assert ([], True) == (broken.measurements, broken.ended)
    assert calls + 1 == bench.calls.count("broken")
    assert [6] == rounds_of(source)
    assert rounds.floor is None


def test_those_that_were_dropped_keep_what_they_have_when_the_leader_fails() -> None:
    bench = Bench()
    source, middle = bench.candidate("source", 4 * LONG_MS), bench.candidate("middle", 2 * LONG_MS)
    broken = bench.candidate("broken", after(11, MemoryError("no room")))  # in round 5
    measure(bench, source, middle, broken, batch_size=8)

    assert [] == broken.measurements
    assert 3 == rounds_of(middle)[0]
    assert rounds_of(source)[0] >= 6
    assert 2.0 == pytest.approx(middle.measurements[0].ratio.value)  # type: ignore[union-attr]
    assert not middle.ended


def test_all_that_fail_leave_nothing_behind() -> None:
    bench = Bench()
    sweeps = [bench.candidate(name, after(4, MemoryError("no room"))) for name in ("source", "a")]
    rounds = measure(bench, *sweeps, batch_size=8)

    assert [[], []] == [sweep.measurements for sweep in sweeps]
    assert [["batch size 8 failed: MemoryError: no room"]] * 2 == [sweep.notes for sweep in sweeps]
    assert rounds.floor is None


def test_the_baseline_runs_six_rounds_although_it_is_beaten_and_no_more() -> None:
    bench = Bench()
    # The leader needs nine rounds to settle, see above.
    restless = itertools.chain([LONG_MS] * 2, [5 * LONG_MS] * 2, itertools.repeat(LONG_MS))
    source, fast, slow = (
        bench.candidate("source", 9 * LONG_MS),
        bench.candidate("fast", restless),
        bench.candidate("slow", 9 * LONG_MS),
    )
    rounds = measure(bench, source, fast, slow)

    assert 9 == rounds.count
    assert [6, 9, 3] == rounds_of(source, fast, slow)
    assert 6 == bench.calls.count("source") - 2
    assert [True, False, True] == [sweep.measurements[0].dropped for sweep in (source, fast, slow)]


def test_the_twin_of_one_that_is_dropped_stops_with_it() -> None:
    bench = Bench()
    restless = itertools.chain([LONG_MS], [5 * LONG_MS] * 2, itertools.repeat(LONG_MS))
    seemed = bench.candidate("seemed", itertools.chain([LONG_MS / 2] * 2, itertools.repeat(9 * LONG_MS)))
    source = bench.candidate("source", restless)
    measure(bench, source, seemed)

    assert [3] == rounds_of(seemed)
    assert 2 + 2 * 3 == bench.calls.count("seemed")


def test_a_machine_that_slows_down_does_not_bring_back_who_was_dropped() -> None:
    bench = Bench()
    slowing = itertools.chain([LONG_MS] * (2 + 6), itertools.repeat(2 * LONG_MS))  # from the fourth round on
    source, slow = bench.candidate("source", slowing), bench.candidate("slow", 1.3 * LONG_MS)
    rounds = measure(bench, source, slow, stability_percentage=100.0)

    assert 6 == rounds.count
    assert [pytest.approx(1.3)] == slow.behind


def test_the_pair_shows_what_disturbs_one_half_of_it() -> None:
    bench = Bench()
    times = itertools.chain([LONG_MS] * 2, itertools.cycle([LONG_MS, 1.25 * LONG_MS]))
    rounds = measure(bench, bench.candidate("source", times), batch_size=2, random=InOrder())

    assert rounds.floor is not None
    assert ("source", 2) == (rounds.floor.subject, rounds.floor.batch_size)
    assert (0.8, 0.8, 0.8) == pytest.approx(attrs.astuple(rounds.floor.ratio)[:3])
    assert 0.25 == pytest.approx(rounds.floor.size)


def test_differences_inside_the_noise_of_the_pair_are_ties() -> None:
    bench = Bench()
    times = itertools.chain([LONG_MS] * 2, itertools.cycle([LONG_MS, 1.25 * LONG_MS]))
    fast, source = bench.candidate("fast", times), bench.candidate("source", 1.1 * LONG_MS)
    measure(bench, fast, source, random=InOrder())
    ratio = fast.measurements[0].ratio

    assert ratio is not None
    assert (1.1, "tie") == (pytest.approx(ratio.value), str(ratio.verdict))


def test_after_the_deadline_one_round_is_the_last_and_says_nothing_about_noise() -> None:
    bench = Bench()
    sweeps = [bench.candidate("source", LONG_MS), bench.candidate("a", 2 * LONG_MS)]
    rounds = measure(bench, *sweeps, deadline=0.0)

    assert (1, None) == (rounds.count, rounds.floor)
    assert [1, 1] == rounds_of(*sweeps)
    assert 0.5 == pytest.approx(sweeps[1].measurements[0].ratio.value)  # type: ignore[union-attr]


def test_those_that_have_ended_are_not_called() -> None:
    bench = Bench()
    over = bench.candidate("over", LONG_MS)
    over.ended = True

    assert 0 == measure(bench, over).count
    measure(bench, bench.candidate("source", LONG_MS), over)
    assert "over" not in bench.calls
    assert [] == over.measurements


def test_warming_up_ends_once_two_calls_agree_and_after_ten_at_the_latest() -> None:
    bench = Bench()
    settles = bench.candidate("source", itertools.chain([9 * LONG_MS / 10, 3.0], itertools.repeat(3.1)))
    growing = bench.candidate("growing", (1.2**power for power in itertools.count()))
    measure(bench, settles, deadline=0.0)
    assert 3 + 2 * (1 + 9) == bench.calls.count("source")  # blocks of nine samples behind one that leads

    measure(bench, growing, deadline=0.0, window_size=1)
    assert 10 + 2 * (1 + math.floor(25 / 1.2**9)) == bench.calls.count("growing")


def test_warming_up_a_slow_candidate_takes_a_second_and_no_more() -> None:
    bench = Bench()
    slow = bench.candidate("source", itertools.cycle([700.0, 400.0]))
    measure(bench, slow, deadline=0.0)

    assert 2 + 2 == bench.calls.count("source")


def test_a_model_without_a_batch_counts_calls() -> None:
    bench = Bench()
    sweep = bench.candidate("source", LONG_MS)
    measure(bench, sweep, batch_size=None)

    assert (None, 10.0) == (sweep.measurements[0].batch_size, pytest.approx(sweep.measurements[0].throughput))

"""speed_change(): intervals from two runs that have no rounds in common."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from navcore.engine.speed_change import Trend, ground_lost, speed_change

from .run_toys import blocks, measured

TIMES = st.floats(1e-3, 1e5)
SPREADS = st.floats(0.0, 30.0)
DRIFT = (1.0, 1.1, 1.3, 1.7, 2.0, 2.0, 1.5, 1.2)


def trend(before_ms: float, after_ms: float, spread: float = 1.0, tolerance: float = 0.1) -> Trend:
    first, second = (measured(8, ms, spread=spread) for ms in (before_ms, after_ms))
    return speed_change(first, second, tolerance).trend


@pytest.mark.parametrize(
    ("expected", "after_ms"),
    [
        (Trend.FASTER, 8.0),
        (Trend.SAME, 9.5),
        (Trend.SAME, 10.0),
        (Trend.SAME, 10.9),  # its interval ends at 1.11
        (Trend.UNSURE, 11.1),  # its interval begins at 1.09
        (Trend.SLOWER, 12.0),
    ],
)
def test_a_change_counts_where_its_whole_interval_is_beyond_the_tolerance(expected: Trend, after_ms: float) -> None:
    assert expected is trend(10.0, after_ms)


def test_no_change_is_one_that_rules_out_twice_the_tolerance() -> None:
    assert Trend.SAME is trend(10.0, 10.0, spread=5)
    assert Trend.UNSURE is trend(10.0, 10.0, spread=12)


def test_the_tolerance_is_what_counts_as_none() -> None:
    assert Trend.SLOWER is trend(10.0, 10.8, tolerance=0.05)
    assert Trend.SAME is trend(10.0, 10.8, tolerance=0.15)


def test_noise_makes_it_unsure_in_place_of_slower() -> None:
    change = speed_change(measured(8, 10.0, spread=10), measured(8, 12.0, spread=10), 0.1)

    assert Trend.UNSURE is change.trend
    assert "the measurements are too noisy to tell" == change.reason
    assert change.low < 1.1 < change.high


def test_measurements_noisier_than_the_tolerance_show_only_what_a_neighbour_does_not_explain() -> None:
    assert Trend.SLOWER is trend(10.0, 15.0, spread=5)
    assert Trend.UNSURE is trend(10.0, 15.0, spread=10)
    assert Trend.UNSURE is trend(10.0, 22.0, spread=10)
    assert Trend.SLOWER is trend(10.0, 40.0, spread=10)


def test_fewer_rounds_than_an_interval_takes_tell_nothing() -> None:
    change = speed_change(measured(8, 10.0, rounds=5), measured(8, 50.0), 0.1)

    assert (Trend.UNSURE, 5.0) == (change.trend, change.ratio)
    assert "only 5 rounds were measured; an interval takes 6" == change.reason


@pytest.mark.parametrize("block", [0.0, -1.0, math.nan, math.inf])
def test_blocks_that_no_clock_gives_tell_nothing(block: float) -> None:
    odd = attrs.evolve(measured(8, 10.0), blocks_ms=(block,) * 8)

    assert Trend.UNSURE is speed_change(measured(8, 10.0), odd, 0.1).trend
    assert Trend.UNSURE is speed_change(odd, measured(8, 10.0), 0.1).trend


@given(TIMES, TIMES, SPREADS, SPREADS)
def test_the_other_way_round_is_the_reciprocal(first_ms: float, second_ms: float, one: float, other: float) -> None:
    first, second = measured(1, first_ms, spread=one), measured(1, second_ms, spread=other)
    there, back = speed_change(first, second, 0.1), speed_change(second, first, 0.1)

    assert there.low <= there.ratio <= there.high
    assert math.isclose(there.ratio * back.ratio, 1)
    assert math.isclose(there.low * back.high, 1)


@given(TIMES, SPREADS, st.floats(0, 1))
def test_a_run_is_never_slower_than_itself(ms: float, spread: float, tolerance: float) -> None:
    assert trend(ms, ms, spread, tolerance) in (Trend.SAME, Trend.UNSURE)


@pytest.mark.parametrize("count", [6, 8, 12, 20])
def test_the_interval_holds_the_true_ratio_as_often_as_it_says(count: int) -> None:
    """Blocks with 5 % noise and a tail, as they are on a shared machine."""
    random = np.random.default_rng(count)
    true, trials = 1.2, 800
    held = 0
    for _ in range(trials):
        first, second = (
            ms * np.exp(random.normal(0, 0.05, count)) * (1 + 0.5 * (random.random(count) < 0.05))
            for ms in (10.0, 10.0 * true)
        )
        before, after = (attrs.evolve(measured(1, 1.0), blocks_ms=tuple(each)) for each in (first, second))
        change = speed_change(before, after, 0.1)
        held += change.low <= true <= change.high

    assert held / trials >= 0.94


def test_a_machine_that_became_slower_cancels_out_against_what_was_beside() -> None:
    slow, quick = blocks(10.0), blocks(5.0)
    drifted = tuple(tuple(time * factor for time, factor in zip(each, DRIFT, strict=True)) for each in (slow, quick))
    same, low, high = ground_lost((slow, quick), (drifted[0], drifted[1]))
    lost, lost_low, _ = ground_lost((slow, quick), (drifted[0], tuple(1.5 * time for time in drifted[1])))

    assert 1.0 == pytest.approx(same) == pytest.approx(low) == pytest.approx(high)
    assert 1.5 == pytest.approx(lost) == pytest.approx(lost_low)


def test_too_few_rounds_beside_each_other_tell_nothing() -> None:
    assert (1.0, 0.0, math.inf) == ground_lost((blocks(10.0)[:5], blocks(5.0)), (blocks(10.0), blocks(9.0)))

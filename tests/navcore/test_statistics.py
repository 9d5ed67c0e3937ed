"""statistics: medians of a few blocks, their exact intervals, and paired ratios."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from navcore.engine.statistics import SMALLEST, interval, noise, paired, ratio

TIMES = st.lists(st.floats(0.01, 100), min_size=1, max_size=25)


@pytest.mark.parametrize("count", range(1, SMALLEST))
def test_fewer_than_six_values_give_their_range(count: int) -> None:
    assert (1.0, float(count)) == interval(range(count, 0, -1))


@pytest.mark.parametrize(
    ("count", "rank"), [(6, 0), (8, 0), (9, 1), (11, 1), (12, 2), (15, 3), (17, 4), (20, 5), (25, 7)]
)
def test_the_ranks_are_those_of_the_tables_for_the_sign_test(count: int, rank: int) -> None:
    # Any table of confidence limits of the median, for example Conover, Practical Nonparametric Statistics, table A3.
    assert (float(rank), float(count - 1 - rank)) == interval(range(count))


@pytest.mark.parametrize("count", range(SMALLEST, 26))
def test_no_narrower_interval_would_be_right_in_95_of_100_cases(count: int) -> None:
    low, _ = interval(range(count))
    skipped = int(low)

    assert 2 * sum(math.comb(count, below) for below in range(skipped + 1)) / 2**count <= 0.05
    assert 2 * sum(math.comb(count, below) for below in range(skipped + 2)) / 2**count > 0.05


@given(TIMES)
def test_an_interval_holds_the_median_and_ends_at_two_of_the_values(values: list[float]) -> None:
    low, high = interval(values)

    assert low <= float(np.median(values)) <= high
    assert {low, high} <= set(values)


@given(TIMES, st.randoms())
def test_the_order_of_the_values_does_not_matter(values: list[float], random: object) -> None:
    mixed = list(values)
    random.shuffle(mixed)  # type: ignore[attr-defined]

    assert interval(values) == interval(mixed)


def test_a_single_wild_block_moves_neither_end_of_nine() -> None:
    assert (1.0, 7.0) == interval([1e9, *range(8)])


def test_noise_is_half_of_the_interval_against_the_median() -> None:
    assert 0.1 == pytest.approx(noise([9.0, 10.0, 11.0]))
    assert 0.0 == noise([3.0, 3.0])


def test_one_block_says_nothing_about_noise() -> None:
    assert math.inf == noise([1.0])


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=25), st.integers(-10, 10))
def test_noise_has_no_unit(values: list[float], power: int) -> None:
    assert noise(values) == noise([value * 2.0**power for value in values])


def test_rounds_are_paired_as_long_as_both_ran() -> None:
    assert (2.0, 3.0) == paired([1.0, 2.0, 4.0, 8.0], [2.0, 6.0])


def test_a_ratio_above_one_is_faster_than_the_base() -> None:
    found = ratio([4.0, 4.0, 4.0], [2.0, 2.0, 4.0], floor=0.02)

    assert (2.0, 1.0, 2.0, 0.02) == (found.value, found.low, found.high, found.floor)


@given(TIMES, st.floats(0.1, 10))
def test_a_drift_that_hits_both_does_not_move_their_ratio(drift: list[float], times: float) -> None:
    found = ratio(drift, [times * each for each in drift])

    assert (1 / times,) * 3 == pytest.approx((found.value, found.low, found.high))


@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)), min_size=1, max_size=25))
def test_the_ratio_of_two_turned_round_is_its_inverse(pairs: list[tuple[float, float]]) -> None:
    one, other = zip(*pairs, strict=True)
    there, back = ratio(one, other), ratio(other, one)

    assert (1 / there.high, 1 / there.low) == pytest.approx((back.low, back.high))
    if len(pairs) % 2:  # the median of an even number is a mean of two, whose inverse is another
        assert 1 / there.value == pytest.approx(back.value)


def test_the_interval_of_an_honest_pair_misses_one_in_at_most_one_of_twenty_cases() -> None:
    generator = np.random.default_rng(1)
    missed = 0
    for rounds in itertools.islice(itertools.cycle((6, 12, 20)), 1500):
        drift = np.exp(0.3 * generator.standard_normal(rounds))  # shared by both blocks of a round
        one, other = (drift * np.exp(0.05 * generator.standard_normal(rounds)) for _ in range(2))
        found = ratio(one, other)
        missed += not found.low <= 1.0 <= found.high

    assert missed / 1500 <= 0.06

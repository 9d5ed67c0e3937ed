"""Searches for what must stay in float: any answer was measured, and no search goes on for ever."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nav_onnx.pass_search import exclude_worst, smallest_block_list

NAMES = tuple("abcdefghijklmnopqrst")
BAD = st.sets(st.sampled_from(NAMES))


class Clock:
    """Goes on by as much at each measurement."""

    def __init__(self, seconds):
        self.now, self.seconds = 0.0, seconds

    def __call__(self):
        return self.now


def _measure(bad, clock, calls):
    """Every bad part that is lowered adds 1 to the error."""

    def measure(lowered):
        clock.now += clock.seconds
        calls.append(tuple(lowered))
        return float(len(bad & set(lowered)))

    return measure


@settings(deadline=None)
@given(BAD)
def test_the_block_list_is_the_smallest_where_there_are_runs_enough(bad):
    assert sorted(bad) == sorted(smallest_block_list(NAMES, lambda blocked: bad <= set(blocked), 1000))


@settings(deadline=None)
@given(BAD, st.integers(0, 30))
def test_the_block_list_is_good_however_few_runs_there_are(bad, most):
    runs = []

    def good(blocked):
        runs.append(blocked)
        return bad <= set(blocked)

    assert bad <= set(smallest_block_list(NAMES, good, most))
    assert len(runs) <= most


def test_one_bad_part_of_many_is_found_in_few_runs():
    runs = []

    def good(blocked):
        runs.append(blocked)
        return "k" in blocked

    assert ("k",) == smallest_block_list(NAMES, good, 1000)
    assert len(runs) < len(NAMES)


@settings(deadline=None)
@given(BAD)
def test_exactly_the_parts_that_hurt_are_excluded_where_there_is_time(bad):
    clock, calls = Clock(0.01), []
    found = exclude_worst(NAMES, _measure(bad, clock, calls), 0.5, 1000, clock=clock)

    assert bad == set(found.excluded)
    assert len(calls) == found.measurements
    if bad != set(NAMES):
        assert 0.0 == found.error


@settings(deadline=None)
@given(BAD, st.floats(0.01, 10))
def test_the_error_that_is_told_was_measured_with_what_is_left(bad, seconds):
    clock, calls = Clock(1.0), []
    found = exclude_worst(NAMES, _measure(bad, clock, calls), 0.5, 100 / seconds, clock=clock)
    left = tuple(name for name in NAMES if name not in found.excluded)

    assert left in calls or found.error == math.inf
    assert found.error <= 0.5 or left == ()


@settings(deadline=None)
@given(BAD)
def test_the_search_ends_in_time(bad):
    clock, calls = Clock(1.0), []
    exclude_worst(NAMES, _measure(bad, clock, calls), 0.5, 10.0, clock=clock)

    assert len(calls) <= 12  # a measurement that has begun is finished


def test_parts_share_a_measurement_where_there_is_no_time_for_each():
    clock, calls = Clock(1.0), []
    found = exclude_worst(NAMES, _measure({"a"}, clock, calls), 0.5, 12.0, clock=clock)

    assert "a" in found.excluded
    assert found.error == 0.0
    assert any(1 < len(lowered) < 20 for lowered in calls)


def test_parts_of_a_group_that_do_no_harm_come_back_where_there_is_time():
    clock, calls = Clock(1.0), []
    found = exclude_worst(NAMES, _measure({"c"}, clock, calls), 0.5, 40.0, clock=clock)

    assert ("c",) == found.excluded


def test_nothing_is_excluded_where_all_of_it_is_within_the_bound():
    clock, calls = Clock(1.0), []
    found = exclude_worst(NAMES, _measure({"a"}, clock, calls), 1.0, 100.0, clock=clock)

    assert ((), 1.0, 1) == (found.excluded, found.error, len(calls))


@pytest.mark.parametrize("names", [("a",), ("a", "b")])
def test_where_every_part_hurts_nothing_is_left(names):
    found = exclude_worst(names, lambda lowered: float(len(lowered)), 0.5, 100.0)

    assert (names, math.inf) == (found.excluded, found.error)

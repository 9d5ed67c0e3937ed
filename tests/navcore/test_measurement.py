"""Ratio and NoiseFloor: when a difference counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navcore.domain import NoiseFloor, Ratio, Verdict


@pytest.mark.parametrize(
    ("low", "high", "floor", "expected"),
    [
        (1.001, 1.2, 0.0, Verdict.FASTER),
        (0.8, 0.999, 0.0, Verdict.SLOWER),
        (0.999, 1.2, 0.0, Verdict.TIE),
        (0.8, 1.001, 0.0, Verdict.TIE),
        (1.0, 1.0, 0.0, Verdict.TIE),
        (1.03, 1.2, 0.05, Verdict.TIE),
        (1.051, 1.2, 0.05, Verdict.FASTER),
        (0.8, 0.96, 0.05, Verdict.TIE),
        (0.8, 0.95, 0.05, Verdict.SLOWER),
    ],
)
def test_a_verdict_needs_the_whole_interval_beyond_the_floor(
    low: float, high: float, floor: float, expected: Verdict
) -> None:
    assert expected is Ratio((low + high) / 2, low, high, floor).verdict


SPEEDS = st.floats(0.01, 100)


@given(SPEEDS, SPEEDS, st.floats(0, 1))
def test_turned_round_the_verdict_is_the_opposite(one: float, other: float, floor: float) -> None:
    low, high = sorted((one, other))
    there, back = Ratio(low, low, high, floor), Ratio(1 / low, 1 / high, 1 / low, floor)

    opposite = {Verdict.FASTER: Verdict.SLOWER, Verdict.SLOWER: Verdict.FASTER, Verdict.TIE: Verdict.TIE}
    edges = (low / (1 + floor), high * (1 + floor))
    if all(abs(edge - 1) > 1e-9 for edge in edges):  # at the edge itself rounding decides
        assert opposite[there.verdict] is back.verdict


@given(SPEEDS, SPEEDS, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_floor_never_makes_a_difference_of_a_tie(one: float, other: float, floor: float, more: float) -> None:
    low, high = sorted((one, other))
    before, after = (Ratio(low, low, high, size).verdict for size in (floor, floor + more))

    assert after in (before, Verdict.TIE)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.98, 1.02, 0.0), (1.0, 1.0, 0.0), (1.03, 1.05, 0.03), (0.8, 0.9, 1 / 0.9 - 1), (0.5, 1.0, 0.0)],
)
def test_the_floor_is_how_far_from_one_the_interval_of_the_pair_begins(
    low: float, high: float, expected: float
) -> None:
    assert expected == pytest.approx(NoiseFloor(1, "a", Ratio((low + high) / 2, low, high)).size)


@given(SPEEDS, SPEEDS)
def test_the_pair_itself_is_a_tie_under_its_own_floor(one: float, other: float) -> None:
    low, high = sorted((one, other))
    floor = NoiseFloor(1, "a", Ratio(low, low, high)).size

    assert Verdict.TIE is Ratio(low, low, high, floor + 1e-9).verdict


def test_verdicts_read_as_words() -> None:
    assert ["faster", "slower", "tie"] == [str(verdict) for verdict in Verdict]


@pytest.mark.parametrize(
    ("low", "rounds", "expected"),
    [(1.01, 6, "faster"), (1.01, 5, "tie"), (1.3, 3, "faster"), (1.2, 3, "tie"), (1.9, 2, "tie"), (1.9, 1, "tie")],
)
def test_few_rounds_give_a_verdict_only_where_it_is_clear(low: float, rounds: int, expected: str) -> None:
    assert expected == Ratio(low + 0.1, low, low + 0.2, rounds=rounds).verdict
    slower = {"faster": "slower", "tie": "tie"}[expected]
    assert slower == Ratio(1 / (low + 0.1), 1 / (low + 0.2), 1 / low, rounds=rounds).verdict

"""race: the pace of a profile, and who is beaten, tied or noisy after so many rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from navcore.domain import OptimizationProfile
from navcore.engine.race import Pace, Standing, standing

PACE = Pace.of(OptimizationProfile(), "quick")


def placed(stability: float = 0.1, **blocks: Sequence[float]) -> Standing:
    return standing(blocks, attrs.evolve(PACE, stability=stability))


def test_a_quick_pace_is_that_of_the_profile() -> None:
    expected = Pace(block_ms=25.0, window=25, fewest=6, most=20, stability=0.1, racing=True)

    assert expected == Pace.of(OptimizationProfile(), "quick")


def test_a_thorough_pace_takes_twice_the_rounds_and_longer_blocks_and_drops_nobody() -> None:
    expected = Pace(block_ms=100.0, window=50, fewest=12, most=40, stability=0.1, racing=False)

    assert expected == Pace.of(OptimizationProfile(), "thorough")


@pytest.mark.parametrize(
    ("options", "field", "expected"),
    [
        ({"window_size": 7}, "window", 7),
        ({"min_trials": 5}, "fewest", 10),
        ({"stabilization_windows": 4}, "fewest", 8),
        ({"min_trials": 4, "stabilization_windows": 2}, "fewest", 8),
        ({"max_trials": 3}, "most", 6),
        ({"stability_percentage": 2.5}, "stability", 0.025),
    ],
)
def test_every_field_of_the_profile_that_means_pace_is_honoured(
    options: dict[str, float], field: str, expected: float
) -> None:
    profile = OptimizationProfile(**options)  # type: ignore[arg-type]

    assert expected == getattr(Pace.of(profile, "quick"), field)


def test_the_shortest_median_leads() -> None:
    assert "b" == placed(a=[1.0, 1.1, 1.0], b=[0.9, 5.0, 0.9]).leader


def test_three_rounds_more_than_a_quarter_slower_beat() -> None:
    assert {"b": pytest.approx(1.3)} == placed(a=[1.0, 1.0, 1.0], b=[1.26, 1.3, 1.4]).beaten


@pytest.mark.parametrize("blocks", [[1.3, 1.3], [1.3, 1.3, 1.25], [9.0, 9.0, 1.2]])
def test_two_rounds_or_one_that_was_close_do_not_beat(blocks: list[float]) -> None:
    assert {} == placed(a=[1.0] * len(blocks), b=blocks).beaten


def test_six_rounds_more_than_two_percent_slower_beat() -> None:
    assert ["b"] == list(placed(a=[1.0] * 6, b=[1.021, 1.03, 1.04, 1.05, 1.05, 1.06]).beaten)


@pytest.mark.parametrize("blocks", [[1.05] * 5, [1.05] * 5 + [1.019]])
def test_five_rounds_or_an_interval_that_reaches_below_two_percent_do_not_beat(blocks: list[float]) -> None:
    assert {} == placed(a=[1.0] * len(blocks), b=blocks).beaten


def test_in_nine_rounds_a_single_quick_one_does_not_save_the_slower() -> None:
    assert ["b"] == list(placed(a=[1.0] * 9, b=[1.05] * 8 + [0.9]).beaten)


def test_all_is_clear_where_the_others_are_beaten() -> None:
    assert placed(a=[1.0] * 6, b=[1.5] * 6, c=[2.0] * 3).clear


def test_all_is_clear_where_the_others_are_as_fast_within_one_percent() -> None:
    assert placed(a=[1.0] * 6, b=[1.0, 1.001, 1.002, 1.005, 1.006, 1.007]).clear
    assert not placed(a=[1.0] * 6, b=[0.99, 1.0, 1.0, 1.0, 1.015, 1.016]).clear


def test_nothing_is_clear_while_someone_who_may_win_is_noisy() -> None:
    wild = [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]

    assert not placed(a=wild).clear
    assert not placed(a=wild, b=wild).clear
    assert placed(a=wild, b=wild, stability=0.5).clear


def test_the_noise_of_the_beaten_does_not_matter() -> None:
    assert placed(a=[1.0] * 6, b=[2.0, 9.0, 3.0]).clear


def test_nothing_is_clear_after_one_round() -> None:
    assert not placed(a=[1.0]).clear


def test_a_machine_that_slows_down_does_not_put_the_beaten_in_front() -> None:
    # b was dropped after three rounds; then everything took twice as long.
    found = placed(stability=1.0, a=[1.0] * 3 + [2.0] * 4, b=[1.3] * 3)

    assert ("a", {"b": pytest.approx(1.3)}, True) == (found.leader, found.beaten, found.clear)


TIMES = st.integers(1, 1000).map(float)
SQUARES = st.integers(1, 12).flatmap(
    lambda rounds: st.dictionaries(
        st.sampled_from("abcdef"), st.lists(TIMES, min_size=rounds, max_size=rounds), min_size=1
    )
)
RAGGED = st.dictionaries(st.sampled_from("abcdef"), st.lists(TIMES, min_size=1, max_size=12), min_size=1)


@given(RAGGED)
def test_the_leader_is_never_beaten(blocks: Mapping[str, list[float]]) -> None:
    found = standing(blocks, PACE)

    assert found.leader not in found.beaten
    assert set(found.beaten) < set(blocks)


@given(SQUARES)
def test_the_leader_has_the_shortest_median(blocks: Mapping[str, list[float]]) -> None:
    found = standing(blocks, PACE)

    assert min(map(np.median, blocks.values())) == np.median(blocks[found.leader])


@given(SQUARES)
def test_who_is_beaten_was_slower_in_the_middle_by_more_than_two_percent(blocks: Mapping[str, list[float]]) -> None:
    assert all(behind > 1.02 for behind in standing(blocks, PACE).beaten.values())


@given(RAGGED, st.randoms())
def test_the_order_of_the_candidates_does_not_matter(blocks: Mapping[str, list[float]], random: object) -> None:
    names = list(blocks)
    random.shuffle(names)  # type: ignore[attr-defined]

    assert standing(blocks, PACE) == standing({name: blocks[name] for name in names}, PACE)


@given(RAGGED, st.integers(-10, 10))
def test_a_machine_that_is_faster_throughout_changes_nothing(blocks: Mapping[str, list[float]], power: int) -> None:
    scaled = {name: [each * 2.0**power for each in times] for name, times in blocks.items()}

    assert standing(blocks, PACE) == standing(scaled, PACE)


@given(SQUARES, st.data())
def test_someone_who_is_clearly_slower_changes_nothing_for_the_others(
    blocks: Mapping[str, list[float]], data: st.DataObject
) -> None:
    rounds = len(next(iter(blocks.values())))
    slow = data.draw(st.lists(st.floats(5000, 9000), min_size=rounds, max_size=rounds))
    alone, together = standing(blocks, PACE), standing({**blocks, "slow": slow}, PACE)

    assert alone.leader == together.leader
    assert alone.beaten == {name: behind for name, behind in together.beaten.items() if name != "slow"}


def test_identical_candidates_are_hardly_ever_called_beaten() -> None:
    generator = np.random.default_rng(0)
    beaten = 0
    for _ in range(500):
        drift = np.exp(0.2 * generator.standard_normal(6))
        blocks = {name: list(drift * np.exp(0.03 * generator.standard_normal(6))) for name in "ab"}
        beaten += bool(standing(blocks, PACE).beaten)

    assert beaten / 500 <= 0.02

"""Sweep: when a candidate's way through the batch sizes ends, and how it goes on after a run was interrupted."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from navcore.domain import Agreement, Failure, Measurement, OptimizationProfile, Status, TrialResult
from navcore.engine.failures import StepFailed
from navcore.engine.sweep import Sweep
from navcore.engine.timing import LocalTimer
from navcore.formats import Format

DOUBLING = OptimizationProfile()
LISTED = OptimizationProfile(batch_sizes=(1, 2, 4, 8))


def at(batch_size: int, throughput: float) -> Measurement:
    ms = 1000 * batch_size / throughput
    return Measurement(batch_size, ms, 0, ms, ms, ms, ms, throughput, 0.0, 10, (ms,))


def sweep(**options: Any) -> Sweep:
    return Sweep("slow", LocalTimer(lambda feeds: feeds), **options)


def beaten(*behind: float | None, profile: OptimizationProfile = DOUBLING) -> Sweep:
    """A sweep that took so many times as long as the leader at 1, 2, 4, ...; None: it was not beaten there."""
    found = sweep()
    for power, times in enumerate(behind):
        if times is None:
            found.hold()
        else:
            found.lose(times, "fast", 2**power, profile)
    return found


@pytest.mark.parametrize("behind", [(3.0, 3.0), (3.0, 2.8), (1.3, 1.6), (2.0, None, 2.0, 2.0)])
def test_twice_in_a_row_far_behind_and_no_closer_ends_a_sweep(behind: tuple[float | None, ...]) -> None:
    found = beaten(*behind)

    assert found.ended
    last, size = behind[-1], 2 ** (len(behind) - 1)
    assert [
        f"dropped after batch size {size}: it takes {last:.1f} times as long as fast there, and was no closer before"
    ] == found.notes


@pytest.mark.parametrize(
    "behind", [(9.0,), (1.4, 1.5), (3.0, 2.6), (9.0, 5.0, 2.0), (3.0, None, 3.0), (3.0, None, 3.0, None, 3.0)]
)
def test_once_or_not_far_or_closer_or_not_in_a_row_does_not_end_it(behind: tuple[float | None, ...]) -> None:
    found = beaten(*behind)

    assert (False, []) == (found.ended, found.notes)


def test_batch_sizes_that_the_user_lists_are_measured_whoever_wins() -> None:
    found = beaten(9.0, 9.0, 9.0, profile=LISTED)
    for size in (1, 2, 4, 8):
        found.add(at(size, 100.0), LISTED)

    assert (False, []) == (found.ended, found.notes)


def test_a_sweep_that_has_ended_says_why_once() -> None:
    found = beaten(3.0, 3.0, 3.0, 3.0)

    assert 1 == len(found.notes)


@pytest.mark.parametrize(("limit", "expected"), [(0, 2), (1, 4), (2, 8)])
def test_so_many_saturated_batch_sizes_are_tried_before_the_sweep_ends(limit: int, expected: int) -> None:
    profile = OptimizationProfile(throughput_backoff_limit=limit)
    found = sweep()
    for size in (1, 2, 4, 8, 16, 32):
        if not found.ended:
            found.add(at(size, 100.0), profile)

    assert expected == found.measurements[-1].batch_size
    assert [f"throughput stopped growing before batch size {expected}"] == found.notes


def test_growth_starts_the_count_anew_and_is_counted_from_the_best_so_far() -> None:
    found = sweep()
    for size, throughput in ((1, 100.0), (2, 90.0), (4, 100.0), (8, 106.0), (16, 107.0), (32, 111.2)):
        found.add(at(size, throughput), DOUBLING)

    assert 2 == found.saturated
    assert not found.ended
    found.add(at(64, 110.0), DOUBLING)
    assert found.ended


def test_without_a_cutoff_no_saturation_ends_a_sweep() -> None:
    profile = OptimizationProfile(throughput_cutoff_threshold=None)
    found = sweep()
    for power in range(10):
        found.add(at(2**power, 100.0), profile)

    assert not found.ended


@pytest.mark.parametrize(("batch_size", "ended"), [(2, False), (4, False), (5, True), (None, True)])
def test_a_failure_beyond_the_sizes_of_the_samples_ends_a_sweep(batch_size: int | None, ended: bool) -> None:
    found = sweep(works_at=4)
    found.fail(batch_size, MemoryError("no room\nat all"))

    assert ended == found.ended
    where = f"batch size {batch_size}" if batch_size else "the sample"
    assert [f"{where} failed: MemoryError: no room"] == found.notes
    assert found.failure is None


def test_a_failure_in_a_worker_is_kept_with_its_reason() -> None:
    failure = Failure("out-of-memory", "the worker was killed", "use a smaller batch")
    found = sweep()
    found.fail(64, StepFailed(failure))

    assert failure == found.failure
    assert ["batch size 64 failed: the worker was killed"] == found.notes


def result(*measurements: Measurement, notes: tuple[str, ...] = ()) -> TrialResult:
    agreement = Agreement((), 2, (3, 5))
    return TrialResult("slow", Format.ONNX, "R", 1, Status.OK, agreement, measurements, notes=notes)


def test_a_resumed_sweep_goes_on_where_it_was() -> None:
    found = sweep()
    for size, throughput in ((1, 100.0), (2, 200.0), (4, 200.0), (8, 200.0)):
        found.add(at(size, throughput), DOUBLING)
    again = Sweep.resumed("slow", found.timer, result(*found.measurements), DOUBLING)

    assert attrs.evolve(found, works_at=5) == again
    again.add(at(16, 200.0), DOUBLING)
    assert (True, ["throughput stopped growing before batch size 16"]) == (again.ended, again.notes)


def test_a_resumed_sweep_that_was_over_stays_over_and_says_why_once() -> None:
    found = sweep()
    for size in (1, 2, 4, 8):
        found.add(at(size, 100.0), DOUBLING)
    notes = ("batch size 1 failed: ValueError: too small", *found.notes)
    again = Sweep.resumed("slow", found.timer, result(*found.measurements, notes=notes), DOUBLING)

    assert (True, list(notes)) == (again.ended, again.notes)


def test_a_sweep_of_a_trial_that_was_not_measured_begins_at_the_beginning() -> None:
    timer = LocalTimer(lambda feeds: feeds)
    bare = TrialResult("slow", Format.ONNX, "R", 1, Status.OK)

    assert Sweep("slow", timer) == Sweep.resumed("slow", timer, bare, DOUBLING)
    assert not np.any(Sweep.resumed("slow", timer, bare, DOUBLING).measurements)

"""Sweep: one candidate on its way through the batch sizes, and when that way ends."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from navcore.domain import Failure, Measurement, OptimizationProfile, Range, TrialResult
from navcore.engine.failures import StepFailed
from navcore.engine.timing import Timer
from navcore.errors import first_line

__all__ = ["Sweep", "batch_sizes"]

_LARGEST_BATCH = 2**20
_FAR_BEHIND = 1.5
_NO_CLOSER = 0.9


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
        behind: How many times as long as the leader it took where it was beaten, for the batch sizes in a row.
        range: Batch sizes that it is good for; None: there are no limits.
    """

    name: str
    timer: Timer
    measurements: list[Measurement] = attrs.field(factory=list)
    notes: list[str] = attrs.field(factory=list)
    saturated: int = 0
    ended: bool = False
    works_at: int = 0
    failure: Failure | None = None
    behind: list[float] = attrs.field(factory=list)
    range: Range | None = None

    @staticmethod
    def resumed(
        name: str, timer: Timer, found: TrialResult, profile: OptimizationProfile, limits: Range | None = None
    ) -> Sweep:
        """Return a sweep that goes on after the measurements that a trial has."""
        sizes = found.agreement.batch_sizes if found.agreement is not None else ()
        sweep = Sweep(name, timer, works_at=max(sizes, default=0), range=limits)
        for measurement in found.measurements:
            sweep.add(measurement, profile)
        sweep.notes = list(found.notes)
        return sweep

    def add(self, measurement: Measurement, profile: OptimizationProfile) -> None:
        """Keep a measurement, and end the sweep once throughput has stopped growing."""
        best = max((earlier.throughput for earlier in self.measurements), default=0.0)
        self.measurements.append(measurement)
        cutoff = profile.throughput_cutoff_threshold
        if cutoff is None or _as_listed(profile):
            return
        self.saturated = self.saturated + 1 if measurement.throughput < best * (1 + cutoff) else 0
        if self.saturated > profile.throughput_backoff_limit:
            self.ended = True
            self.notes.append(f"throughput stopped growing before batch size {measurement.batch_size}")

    def lose(self, behind: float, leader: str, batch_size: int | None, profile: OptimizationProfile) -> None:
        """Note that the candidate was beaten; twice in a row, far and no closer, ends its sweep.

        Args:
            behind: How many times as long as the leader it took.
            leader: Name of the leader.
            batch_size: Where.
            profile: Batch sizes that the user lists are measured, whoever wins.
        """
        self.behind.append(behind)
        if len(self.behind) < 2 or self.ended or _as_listed(profile) or batch_size == profile.max_batch_size:
            return
        if behind > _FAR_BEHIND and behind > _NO_CLOSER * self.behind[-2]:
            self.ended = True
            self.notes.append(
                f"dropped after batch size {batch_size}: it takes {behind:.1f} times as long as {leader} there, and "
                "was no closer before"
            )

    def takes(self, batch_size: int | None) -> bool:
        """Return whether it takes part at a batch size; where its range ends before, note so."""
        if self.ended or batch_size is None or self.range is None or batch_size in self.range:
            return not self.ended
        note = f"batch size {batch_size} is not measured: it is good for {self.range}"
        if batch_size >= self.range.smallest:
            self.stop(note)
        elif note not in self.notes:
            self.notes.append(note)
        return False

    def stop(self, note: str) -> None:
        """End the sweep, if it has not ended, and say why."""
        if not self.ended:
            self.ended = True
            self.notes.append(note)

    def hold(self) -> None:
        """Note that the candidate was not beaten."""
        self.behind.clear()

    def fail(self, batch_size: int | None, error: BaseException) -> None:
        """Note a batch size that the candidate cannot run; beyond those of the samples that ends its sweep."""
        self.failure = error.failure if isinstance(error, StepFailed) else None
        at = f"batch size {batch_size}" if batch_size else "the sample"
        reason = self.failure.reason if self.failure else f"{type(error).__name__}: {first_line(error)}"
        if (note := f"{at} failed: {reason}") not in self.notes:
            self.notes.append(note)
        self.ended = batch_size is None or batch_size > self.works_at


def _as_listed(profile: OptimizationProfile) -> bool:
    """Whether the user lists the batch sizes; then all of them are measured."""
    return profile.batch_sizes is not None and profile.max_batch_size is None

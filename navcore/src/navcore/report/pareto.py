"""Speed against accuracy: what each precision gives, and which trials no other beats at both."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from navcore.domain import PackageStatus, Status, TrialResult
from navcore.report import figures

__all__ = ["Point", "pareto_table", "points"]


@attrs.frozen
class Point:
    """One trial as a point between speed and accuracy.

    Attributes:
        trial: It works, and was measured.
        accuracy: Higher is better: the user's metric, or the worst signal-to-noise ratio in dB.
        best: Whether no other trial is at least as fast and as accurate, and better at one of the two.
    """

    trial: TrialResult
    accuracy: float
    best: bool


def points(status: PackageStatus) -> tuple[Point, ...]:
    """Return the fastest trial of each precision, and all that no other beats at both; the fastest first."""
    working = [trial for trial in status.trials if trial.status is Status.OK and trial.measurements]
    found = [(trial, _accuracy(trial, status)) for trial in working]
    told = [Point(trial, accuracy, _is_best(trial, accuracy, found)) for trial, accuracy in found]
    told.sort(key=lambda point: (-point.trial.throughput, -point.accuracy))
    fastest: dict[str | None, Point] = {}
    for point in told:
        fastest.setdefault(point.trial.precision, point)
    return tuple(point for point in told if point.best or point in fastest.values())


def _accuracy(trial: TrialResult, status: PackageStatus) -> float:
    if status.metric is not None:
        return status.metric if trial.metric is None else trial.metric
    outputs = trial.agreement.outputs if trial.agreement is not None else ()
    return min((output.snr_db for output in outputs if not math.isnan(output.snr_db)), default=math.inf)


def _is_best(trial: TrialResult, accuracy: float, found: Sequence[tuple[TrialResult, float]]) -> bool:
    return not any(
        other.throughput >= trial.throughput
        and value >= accuracy
        and (other.throughput > trial.throughput or value > accuracy)
        for other, value in found
    )


def pareto_table(status: PackageStatus) -> Table | None:
    """Return the table; None where nothing lowers the precision."""
    if all(trial.precision is None for trial in status.trials):
        return None
    by = "metric" if status.metric is not None else "SNR dB"
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for header in ("", "precision", "route on runner"):
        table.add_column(header, overflow="fold")
    for header in ("inf/s\n@batch", "times the\nsource", f"accuracy\n({by})"):
        table.add_column(header, justify="right", no_wrap=True)
    base = max((trial.throughput for trial in status.trials if trial.hops == 0 and _is_source(trial)), default=None)
    for point in points(status):
        trial = point.trial
        cells = (
            "●" if point.best else "",
            trial.precision or "the source's",
            f"{trial.route} on {trial.runner}",
            figures.throughput(trial.busiest),
            f"{trial.throughput / base:.2f}" if base else "-",
            "exact" if math.isinf(point.accuracy) else f"{point.accuracy:.4g}",
        )
        table.add_row(*map(Text, cells))
    return table


def _is_source(trial: TrialResult) -> bool:
    """Whether a trial of the source is the source as the user runs it: nothing else has no ratio against it."""
    measured = trial.status is Status.OK and bool(trial.measurements)
    return measured and all(measurement.ratio is None for measurement in trial.measurements)

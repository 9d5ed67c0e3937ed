"""The results table: one row per trial, the fastest first, and what failed below."""

from __future__ import annotations

import attrs
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from navcore.domain import BuildResult, Failure, Measurement, PackageStatus, Status, TrialResult
from navcore.report import figures
from navcore.report.kinds import is_pointless, name_of

__all__ = ["DEPRECATED", "Row", "results_table", "rows"]

DEPRECATED = " †"
"""Behind a route that uses what its framework is about to drop."""

_WIDE = 104
"""Width from which route and runner stand side by side; the longest first-party names then still fit."""


@attrs.frozen
class Row:
    """One line of the table, as text.

    Attributes:
        mark: `★` chosen, `✗` failed, `-` skipped, else empty.
        route: Id of the route.
        runner: Name of the runner; empty for a build that no trial stands for.
        error: Worst absolute error of the outputs.
        latency, throughput: The shortest and the most, each with its batch size.
        speed: Against the source, or in short why there is none.
        status: How the trial or build ended.
        deprecated: Whether it uses what its framework is about to drop.
    """

    mark: str
    route: str
    runner: str
    error: str
    latency: str
    throughput: str
    speed: str
    status: Status
    deprecated: bool = False


def rows(status: PackageStatus) -> tuple[Row, ...]:
    """Return trials that work by ascending latency, then the others in the order of the plan, then builds.

    A failed build has a row of its own only where no trial on its route says so. What there was no point in trying has
    none: it is told below the table.
    """
    measured = [trial for trial in status.trials if trial.status is Status.OK and trial.measurements]
    others = [trial for trial in status.trials if trial not in measured and not is_pointless(trial.failure)]
    tried = {trial.route for trial in status.trials}
    failed = {build.route: build for build in status.builds if build.status is not Status.OK}
    chosen = {(choice.trial.route, choice.trial.runner) for choice in status.choices}
    return (
        *(_working_row(trial, status, chosen) for trial in sorted(measured, key=lambda trial: trial.quickest.p50_ms)),
        *(_trial_row(trial, failed) for trial in others),
        *(
            _build_row(build)
            for build in failed.values()
            if build.route not in tried and not is_pointless(build.failure)
        ),
    )


def results_table(status: PackageStatus, width: int) -> Table:
    """Return the table for a console of that width; ids fold, and are never cropped."""
    wide = width >= _WIDE
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("route" if wide else "route\n  runner", overflow="fold")
    if wide:
        table.add_column("runner", overflow="fold")
    for header in ("max\nerror", "p50 ms\n@batch", "inf/s\n@batch"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("speed against\nthe source", overflow="fold", max_width=None if wide else 18)
    for row in rows(status):
        numbers = map(Text, (row.error, row.latency, row.throughput, row.speed))
        table.add_row(row.mark, *_names(row, wide), *numbers, style=_style(row))
    return table


def _names(row: Row, wide: bool) -> tuple[RenderableType, ...]:
    if wide:
        return Text(f"{row.route}{DEPRECATED if row.deprecated else ''}"), Text(row.runner)
    below = (Padding(Text(row.runner), (0, 0, 0, 2)),) if row.runner else ()
    return (Group(Text(f"{row.route}{DEPRECATED if row.deprecated else ''}"), *below),)


def _style(row: Row) -> str:
    if row.status is Status.OK:
        return "bold green" if row.mark else ""
    return "red" if row.status is Status.FAILED else "dim"


def _working_row(trial: TrialResult, status: PackageStatus, chosen: set[tuple[str, str]]) -> Row:
    quickest = trial.quickest
    return Row(
        mark="★" if (trial.route, trial.runner) in chosen else "",
        route=trial.route,
        runner=trial.runner,
        error=figures.error(trial.agreement),
        latency=figures.latency(quickest, status.request.profile.stability_percentage / 100),
        throughput=figures.throughput(trial.busiest),
        speed=_speed(trial, quickest),
        status=trial.status,
        deprecated=trial.deprecated,
    )


def _speed(trial: TrialResult, quickest: Measurement) -> str:
    if quickest.ratio is not None:
        return figures.speed(quickest.ratio)
    beside = any(measurement.ratio is not None for measurement in trial.measurements)
    return "the source" if trial.hops == 0 and not beside else "-"


def _trial_row(trial: TrialResult, failed: dict[str, BuildResult]) -> Row:
    build = failed.get(trial.route)
    broken = trial.status is Status.SKIPPED and build is not None and build.status is Status.FAILED
    return Row(
        mark="✗" if trial.status is Status.FAILED else "-",
        route=trial.route,
        runner=trial.runner,
        error=figures.error(trial.agreement),
        latency="",
        throughput="",
        speed="build failed" if broken else _short(trial.failure),
        status=trial.status,
        deprecated=trial.deprecated,
    )


def _build_row(build: BuildResult) -> Row:
    if build.status is Status.FAILED:
        return Row("✗", build.route, "", "-", "", "", "build failed", build.status)
    return Row("-", build.route, "", "-", "", "", _short(build.failure), build.status)


def _short(failure: Failure | None) -> str:
    return "not measured" if failure is None else name_of(failure.kind).short

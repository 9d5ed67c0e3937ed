"""The summary of a run: the results table, everything that failed with its reason and fix, and what was chosen."""

from __future__ import annotations

import math

from rich.console import Group, RenderableType
from rich.text import Text

from navcore.domain import Choice, PackageStatus, Status
from navcore.report import figures
from navcore.report.kinds import is_pointless
from navcore.report.pareto import pareto_table
from navcore.report.results import DEPRECATED, results_table, rows
from navcore.report.troubles import Trouble, by_kind, left_out, paragraphs

__all__ = ["choices", "legend", "noise", "summary", "title", "troubles"]


def summary(status: PackageStatus, width: int, workspace: str = "") -> RenderableType:
    """Return everything that people want to know about a run.

    Args:
        status: The run.
        width: Of the console, in characters.
        workspace: Folder of the run; paths of logs are shown inside it.
    """
    return Group(
        Text(title(status), style="bold"),
        Text(),
        results_table(status, width),
        Text(),
        Text(legend(status), style="dim"),
        *(Text(sentence, style="dim") for sentence in noise(status)),
        *_precisions(status),
        *paragraphs(troubles(status), workspace),
        *(part for notice in status.notices for part in (Text(), Text(f"Notice: {notice}"))),
        Text(),
        *(Text(sentence, style="bold") for sentence in choices(status)),
    )


def _precisions(status: PackageStatus) -> tuple[RenderableType, ...]:
    table = pareto_table(status)
    if table is None:
        return ()
    what = "●: no other is as fast and as accurate. Only the fastest of each precision and those are listed."
    return Text(), Text("Speed and accuracy", style="bold"), table, Text(what, style="dim")


def title(status: PackageStatus) -> str:
    """Return one sentence about what was compared."""
    sizes = sorted({sample.batch_size for sample in status.samples if sample.batch_size is not None})
    batches = f" with batch sizes {', '.join(map(str, sizes))}" if sizes else ""
    samples = figures.count(len(status.samples), "sample") + batches
    took = figures.seconds(status.duration_s)
    return f"{status.title} ({status.source}) on {status.request.device}, compared on {samples}, in {took}"


def legend(status: PackageStatus) -> str:
    """Return what the columns mean."""
    noise = f"{status.request.profile.stability_percentage:g} %"
    deprecated = any(row.deprecated for row in rows(status))
    return (
        "★ chosen. max error: largest absolute difference from the source. p50 ms, inf/s: at the batch size where each "
        "is best. Speed: at the batch size of p50 ms, with its 95 % interval; a tie contains 1. "
        f"~: noisier than {noise}." + (f"{DEPRECATED}: deprecated by its framework." if deprecated else "")
    )


def noise(status: PackageStatus) -> tuple[str, ...]:
    """Return one sentence about the A/A pairs, where there are any."""
    if not status.noise_floors:
        return ()
    worst = max(status.noise_floors, key=lambda floor: abs(math.log(floor.ratio.value)))
    low, high = (f"{part:.3f}" for part in (worst.ratio.low, worst.ratio.high))
    where = f" at batch size {worst.batch_size}" if worst.batch_size is not None else ""
    sentence = (
        f"Noise floor: {worst.subject}{where}, measured as if it were two, was {worst.ratio.value:.3f} times as fast "
        f"as itself [{low}, {high}]"
    )
    return (sentence + ("; at other batch sizes it was closer." if len(status.noise_floors) > 1 else "."),)


def troubles(status: PackageStatus) -> tuple[Trouble, ...]:
    """Return what failed by kind, what was not tried, and what the plan left out; the same reason is given once."""
    pointless = {build.route for build in status.builds if is_pointless(build.failure)}
    steps = (
        *((build.route, build.failure) for build in status.builds if build.route in pointless),
        *((f"{build.route} (build)", build.failure) for build in status.builds if build.route not in pointless),
        *(
            (f"{trial.route} on {trial.runner}", trial.failure)
            for trial in status.trials
            if trial.route not in pointless
        ),
    )
    # What would have been made of a route that was not tried is not told again.
    failures = [
        (subject, failure)
        for subject, failure in steps
        if failure is not None and not (is_pointless(failure) and subject.rpartition("/")[0] in pointless)
    ]
    return *by_kind(failures), *left_out(status.omissions)


def choices(status: PackageStatus) -> tuple[str, ...]:
    """Return one sentence per trial that was chosen, or one that says that none was."""
    if status.choices:
        merged: dict[tuple[str, str, int | None], list[Choice]] = {}
        for choice in status.choices:
            key = choice.trial.route, choice.trial.runner, choice.measurement.batch_size
            merged.setdefault(key, []).append(choice)
        return tuple(_sentence(group) for group in merged.values())
    if any(trial.status is Status.OK for trial in status.trials):
        return ("Nothing was chosen: no strategy takes any of the trials that work.",)
    if status.request.build_only:
        made = sum(build.artifact is not None for build in status.builds)
        return (
            f"Built {figures.count(made, 'artifact')}; nothing was run. Save the package, and measure it where it is "
            "to run: nav.package.load and nav.package.profile, or nav.package.optimize.",
        )
    if not status.trials:
        what = "Nothing was tried: no runner that was asked for takes the source or a format made from it."
    else:
        what = "Nothing works: no trial ran, agreed with the source and was measured."
    where = "The reasons are above." if troubles(status) else "Run `nav plugins` to see what runs which format."
    return (f"{what} {where}",)


def _sentence(group: list[Choice]) -> str:
    first = group[0]
    numbers = f"{figures.number(first.measurement.p50_ms)} ms, {figures.number(first.measurement.throughput)} inf/s"
    if first.load is not None and first.load.is_alone and first.load.threads:
        threads = figures.count(first.load.threads, "thread")
        ours = f"{figures.number(first.load.p50_ms)} ms, {figures.number(first.load.throughput)} inf/s"
        numbers = f"{ours} on {threads}; on all of them {numbers}"
    elif first.load is not None:
        calls, copies = figures.count(first.load.in_flight, "call"), figures.count(first.load.instances, "instance")
        numbers = f"{figures.number(first.load.throughput)} inf/s with {calls} at once on {copies}; alone {numbers}"
    if first.measurement.batch_size is not None:
        numbers += f" at batch size {first.measurement.batch_size}"
    if first.measurement.ratio is not None:
        numbers += f", against the source {figures.speed(first.measurement.ratio)}"
    reasons = "; ".join(dict.fromkeys(choice.reason.rstrip(".") for choice in group))
    strategies = " and ".join(choice.strategy for choice in group)
    return f"★ {first.trial.route} on {first.trial.runner}, chosen by {strategies}: {reasons} ({numbers})."

"""One route in full: what each of its steps gave, or why it failed, with the end of its log."""

from __future__ import annotations

import re
from collections.abc import Callable

import attrs
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from navcore.domain import BuildResult, Failure, FailureKind, Omission, PackageStatus, Status, TrialResult
from navcore.errors import UnknownNameError
from navcore.report import figures
from navcore.report.kinds import name_of
from navcore.report.trial_facts import trial_facts

__all__ = ["Step", "last_lines", "page", "steps_of"]

_LAST_LINES = 40
_UNPRINTABLE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[^\t -~\xa0-\U0010ffff]")
"""Escape sequences and control characters, with which a log could write over the terminal."""


@attrs.frozen
class Step:
    """A build or trial as it is told.

    Attributes:
        title: What it was.
        outcome: How it ended.
        facts: Label and value, in order.
        failure: Why it failed, if it did.
        log: Path of its log relative to the workspace; empty where there is none.
    """

    title: str
    outcome: str
    facts: tuple[tuple[str, str], ...]
    failure: Failure | None
    log: str


def page(step: Step, workspace: str) -> RenderableType:
    """Return what is known about a step; paths of logs are shown inside the workspace."""
    facts = (*step.facts, ("log", f"{workspace}/{step.log}")) if step.log else step.facts
    return Group(
        Text.assemble((step.title, "bold"), f"  {step.outcome}"),
        *(Padding(Text(f"{label}: {value}"), (0, 0, 0, 2), expand=False) for label, value in facts),
    )


def last_lines(log: str) -> tuple[str, ...]:
    """Return the last 40 lines of a log, without what could write over the terminal."""
    return tuple(_UNPRINTABLE.sub("", line).rstrip() for line in log.splitlines()[-_LAST_LINES:])


def steps_of(
    status: PackageStatus, route: str, runner: str | None, log_of: Callable[[str], str], workspace: str
) -> tuple[Step, ...]:
    """Return the steps that tell about a route: builds that failed on the way, then its own build and its trials.

    Args:
        status: The run.
        route: Id of a route, or the name of something that the plan left out.
        runner: Tell about the trial on this runner only; None: about all.
        log_of: Gives the path of a step's log, by the name of the step.
        workspace: Folder of the run, for messages.

    Raises:
        UnknownNameError: There is no such route, or it was not tried on this runner.
    """
    builds = [build for build in status.builds if build.route == route]
    trials = [trial for trial in status.trials if trial.route == route]
    omissions = [omission for omission in status.omissions if omission.subject == route]
    hint = f"run `nav show {workspace}` to see what was tried"
    if not builds and not trials and not omissions:
        routes = {trial.route for trial in status.trials} | {build.route for build in status.builds}
        known = routes | {omission.subject for omission in status.omissions}
        raise UnknownNameError("route", route, known, hint)
    if runner is not None:
        if runner not in {trial.runner for trial in trials}:
            raise UnknownNameError(f"runner on {route}", runner, {trial.runner for trial in trials}, hint)
        trials = [trial for trial in trials if trial.runner == runner]
    broken = [build for build in status.builds if build.status is Status.FAILED and route.startswith(f"{build.route}/")]
    told = [*broken, *(build for build in builds if runner is None or build.status is not Status.OK)]
    return (
        *(_build_step(build, log_of) for build in told),
        *(_trial_step(trial, log_of) for trial in trials),
        *(_omission_step(omission) for omission in omissions),
    )


def _build_step(build: BuildResult, log_of: Callable[[str], str]) -> Step:
    facts = [("tool", build.tool), ("took", figures.seconds(build.duration_s))]
    if build.artifact is not None:
        facts += [("artifact", f"{build.artifact.path} ({build.artifact.size_bytes:,} bytes)")]
    return _step(f"{build.route} (build)", build.status, facts, build.failure, log_of(f"build-{build.route}"))


def _trial_step(trial: TrialResult, log_of: Callable[[str], str]) -> Step:
    log = log_of(f"check-{trial.route}-{trial.runner}")
    return _step(f"{trial.route} on {trial.runner}", trial.status, list(trial_facts(trial)), trial.failure, log)


def _omission_step(omission: Omission) -> Step:
    facts = [("why", omission.reason), ("fix", omission.fix)]
    return Step(omission.subject, "left out of the plan", tuple(fact for fact in facts if fact[1]), None, "")


def _step(title: str, status: Status, facts: list[tuple[str, str]], failure: Failure | None, log: str) -> Step:
    if failure is None:
        return Step(title, status.value, tuple(facts), None, log)
    kind = name_of(failure.kind).heading
    outcome = f"{status}: {kind[0].lower()}{kind[1:]} ({failure.kind})"
    told = [("why", failure.reason), ("fix", failure.fix), *facts]
    own = "" if failure.kind is FailureKind.PARENT else log
    return Step(title, outcome, tuple(fact for fact in told if fact[1]), failure, failure.log or own)

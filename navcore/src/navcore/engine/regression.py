"""compare_runs(): is a later run a regression against an earlier one? It says so where nothing else explains it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum

import attrs

from navcore.contracts import Strategy
from navcore.domain import BuildResult, Choice, Failure, FailureKind, Measurement, PackageStatus, Status, TrialResult
from navcore.engine.beside import Beside, excuse
from navcore.engine.choose import choose
from navcore.engine.same_ground import differences, outside_tolerance
from navcore.engine.speed_change import SpeedChange, Trend, speed_change

__all__ = ["Answer", "ChoiceChange", "Comparison", "Reason", "TrialChange", "compare_runs", "told"]

_SAYS_NOTHING = frozenset({FailureKind.BUDGET, FailureKind.DISK_FULL, FailureKind.INTERRUPTED})
"""Failures that are about the run and not about the route."""


class Answer(str, Enum):
    """Is the later run a regression?"""

    SAME_OR_BETTER = "same or better"
    REGRESSION = "regression"
    UNSURE = "can't tell"

    def __str__(self) -> str:
        return self.value


@attrs.frozen
class Reason:
    """Why the answer is not that all is well: what is concerned, and one clause about it."""

    answer: Answer
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.subject} {self.text}"


@attrs.frozen
class TrialChange:
    """One route on one runner in both runs.

    Attributes:
        route, runner: Which.
        before, after: What it gave; None where it was not tried.
        changes: Of its speed, at the batch sizes that both runs measured, ascending.
    """

    route: str
    runner: str
    before: TrialResult | None
    after: TrialResult | None
    changes: tuple[SpeedChange, ...]


@attrs.frozen
class ChoiceChange:
    """What a strategy picks in both runs; it need not be the same.

    Attributes:
        strategies: Names of those that pick these two.
        before, after: The picks; None where it finds nothing.
        changes: From one pick to the other, at the batch sizes that both have, ascending.
    """

    strategies: tuple[str, ...]
    before: Choice | None
    after: Choice | None
    changes: tuple[SpeedChange, ...]


@attrs.frozen
class Comparison:
    """What there is to say about two runs.

    Attributes:
        answer: Unsure where the two cannot be compared at all; else a regression where there is any.
        reasons: For that answer and the others, those that stand against a comparison first.
        choices: What is used, which decides about speed.
        trials: Everything that was tried, in the order of the earlier run.
        tolerance: Relative difference in speed that counts as none.
    """

    answer: Answer
    reasons: tuple[Reason, ...]
    choices: tuple[ChoiceChange, ...]
    trials: tuple[TrialChange, ...]
    tolerance: float


def compare_runs(
    before: PackageStatus, after: PackageStatus, strategies: Sequence[Strategy], tolerance: float = 0.1
) -> Comparison:
    """Return whether a run is a regression against an earlier one.

    It is where something that worked fails, where outputs are outside the tolerance that they were held to, or where
    what a strategy picks takes longer per call, at any batch size that both runs measured.

    Args:
        before, after: The runs. Their files are not looked at.
        strategies: Whose picks are compared.
        tolerance: Relative difference in speed that means nothing between two runs.
    """
    apart = tuple(Reason(Answer.UNSURE, *difference) for difference in differences(before, after))
    trials = tuple(_trials(before, after, tolerance))
    choices = _choices(before, after, strategies, tolerance)
    broken = (*_broken_trials(trials, after), *_broken_builds(before, after))
    found = (*broken, *_worse(before, after, trials), *_slower(choices, trials, bool(broken), tolerance))
    return Comparison(_answer(apart, found), (*apart, *dict.fromkeys(found)), choices, trials, tolerance)


def _answer(apart: Sequence[Reason], found: Sequence[Reason]) -> Answer:
    answers = {reason.answer for reason in found}
    if apart or answers == {Answer.UNSURE}:
        return Answer.UNSURE
    return Answer.REGRESSION if Answer.REGRESSION in answers else Answer.SAME_OR_BETTER


def _trials(before: PackageStatus, after: PackageStatus, tolerance: float) -> Iterator[TrialChange]:
    first = {(trial.route, trial.runner): trial for trial in before.trials}
    second = {(trial.route, trial.runner): trial for trial in after.trials}
    for route, runner in dict.fromkeys((*first, *second)):
        old, new = first.get((route, runner)), second.get((route, runner))
        yield TrialChange(route, runner, old, new, _changes(old, new, tolerance))


def _changes(before: TrialResult | None, after: TrialResult | None, tolerance: float) -> tuple[SpeedChange, ...]:
    """Return how the speed changed at every batch size that both were measured at; none where one does not work."""
    if before is None or after is None or {before.status, after.status} != {Status.OK}:
        return ()
    new = {found.batch_size: found for found in after.measurements}
    pairs = [(found, new[found.batch_size]) for found in before.measurements if found.batch_size in new]
    return tuple(speed_change(old, other, tolerance) for old, other in sorted(pairs, key=_size))


def _size(pair: tuple[Measurement, Measurement]) -> int:
    return pair[0].batch_size or 0


def _choices(
    before: PackageStatus, after: PackageStatus, strategies: Sequence[Strategy], tolerance: float
) -> tuple[ChoiceChange, ...]:
    merged: dict[tuple[str, ...], ChoiceChange] = {}
    for strategy in strategies:
        old, new = (choose(status.trials, (strategy,)) for status in (before, after))
        first, second = (None if choice is None else choice.trial for choice in (old, new))
        key = tuple("" if trial is None else f"{trial.route} on {trial.runner}" for trial in (first, second))
        names = (*(merged[key].strategies if key in merged else ()), strategy.name)
        merged[key] = ChoiceChange(names, old, new, _changes(first, second, tolerance))
    return tuple(merged.values())


def _broken_trials(trials: Sequence[TrialChange], after: PackageStatus) -> Iterator[Reason]:
    """Yield what worked before and fails now."""
    builds = {build.route: build for build in after.builds}
    for trial in trials:
        if trial.before is None or trial.before.status is not Status.OK:
            continue
        build = builds.get(trial.route)
        result = trial.after if trial.after is not None else build
        if result is None or result.status is Status.OK or result.failure is None:
            continue
        failure = result.failure
        if failure.kind is FailureKind.PARENT:
            failure = _root(trial.route, builds) or failure
        subject = f"{trial.route} on {trial.runner}"
        if failure.kind in _SAYS_NOTHING:
            yield Reason(Answer.UNSURE, subject, f"worked and was not tried to the end now: {failure.reason}")
        else:
            yield Reason(Answer.REGRESSION, subject, f"worked and fails now ({failure.kind}): {failure.reason}")


def _broken_builds(before: PackageStatus, after: PackageStatus) -> Iterator[Reason]:
    """Yield artifacts that nothing ran, that were made before and fail now."""
    ran = {trial.route for trial in before.trials if trial.status is Status.OK}
    made = {build.route for build in before.builds if build.status is Status.OK} - ran
    for build in after.builds:
        if build.route in made and build.status is Status.FAILED and build.failure is not None:
            answer = Answer.UNSURE if build.failure.kind in _SAYS_NOTHING else Answer.REGRESSION
            yield Reason(answer, f"{build.route} (build)", f"was made and fails now: {build.failure.reason}")


def _root(route: str, builds: Mapping[str, BuildResult]) -> Failure | None:
    """Return the failure of the first build on a route that failed."""
    found = (builds[parent] for parent in _ancestry(route) if parent in builds)
    return next((build.failure for build in found if build.status is Status.FAILED), None)


def _ancestry(route: str) -> Iterator[str]:
    parts = route.split("/")
    return ("/".join(parts[:length]) for length in range(1, len(parts) + 1))


def _worse(before: PackageStatus, after: PackageStatus, trials: Sequence[TrialChange]) -> Iterator[Reason]:
    """Yield what still passes, with outputs that the tolerance of the earlier run would not have let pass."""
    for trial in trials:
        if trial.before is None or trial.after is None or {trial.before.status, trial.after.status} != {Status.OK}:
            continue
        for sure, text in outside_tolerance(before, after, trial.after):
            answer = Answer.REGRESSION if sure else Answer.UNSURE
            yield Reason(answer, f"{trial.route} on {trial.runner}", text)


def _slower(
    choices: Sequence[ChoiceChange], trials: Sequence[TrialChange], broken: bool, tolerance: float
) -> Iterator[Reason]:
    """Yield where what is used is slower, or may be."""
    if all(choice.before is None and choice.after is None for choice in choices):
        yield Reason(Answer.UNSURE, "nothing", "works in either run")
    for choice in choices:
        if choice.before is None:
            continue
        if choice.after is None:
            answer = Answer.REGRESSION if broken else Answer.UNSURE
            yield Reason(answer, " and ".join(choice.strategies), "finds nothing that works any more")
            continue
        subject = _subject(choice.before, choice.after)
        if not choice.changes:
            yield Reason(Answer.UNSURE, subject, "was not measured at any batch size of the earlier run")
        for change in choice.changes:
            if change.trend is Trend.UNSURE:
                yield Reason(Answer.UNSURE, subject, f"takes {told(change)}: {change.reason}")
            elif change.trend is Trend.SLOWER:
                found = _excuse(choice.before.trial, choice.after.trial, change, trials, tolerance)
                answer = Answer.UNSURE if found else Answer.REGRESSION
                yield Reason(answer, subject, f"takes {told(change)}{', ' if found else ''}{found}")


def _excuse(
    before: TrialResult, after: TrialResult, change: SpeedChange, trials: Sequence[TrialChange], tolerance: float
) -> str:
    """Return why a slower pick may be the machine's fault, by what else was measured; empty where it is its own."""
    others = []
    for trial in trials:
        old, new = trial.before, trial.after
        if old is None or new is None or (old.route, old.runner) == (before.route, before.runner):
            continue
        name = f"{trial.route} on {trial.runner}"
        sizes = ((beside, beside.batch_size) for beside in trial.changes)
        others += [Beside(name, _at(old, size), _at(new, size), beside) for beside, size in sizes]
    return excuse(change, _at(before, change.batch_size), _at(after, change.batch_size), others, tolerance)


def _at(trial: TrialResult, batch_size: int | None) -> Measurement:
    return next(found for found in trial.measurements if found.batch_size == batch_size)


def told(change: SpeedChange) -> str:
    """Return a change in words: `1.30 times as long [1.26, 1.35] at batch size 8`."""
    size = "" if change.batch_size is None else f" at batch size {change.batch_size}"
    between = f" [{change.low:.2f}, {change.high:.2f}]" if change.low > 0 else ""
    return f"{change.ratio:.2f} times as long{between}{size}"


def _subject(before: Choice, after: Choice) -> str:
    old, new = (f"{choice.trial.route} on {choice.trial.runner}" for choice in (before, after))
    return new if old == new else f"{new}, chosen in place of {old},"

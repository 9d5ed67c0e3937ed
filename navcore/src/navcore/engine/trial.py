"""run_trials(): correctness of every trial, then speed of those that agree, side by side."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs

from navcore.contracts import Model, Tensors
from navcore.domain import BuildResult, Event, Failure, Status, StepFinished, StepStarted, TrialResult
from navcore.engine.budget import Budget
from navcore.engine.build import model_of, without_parent
from navcore.engine.candidate import Candidate
from navcore.engine.check import Bench, blank, check, close, reopen
from navcore.engine.loads import serve_all
from navcore.engine.plan import Plan, Trial, unsuited
from navcore.engine.speed import measure_all
from navcore.engine.sweep import Sweep
from navcore.engine.threads import try_threads
from navcore.store.journal import Journal

__all__ = ["run_trials"]

Emit = Callable[[Event], None]


def run_trials(
    plan: Plan,
    builds: Sequence[BuildResult],
    bench: Bench,
    journal: Journal,
    budget: Budget,
    emit: Emit,
    *,
    timed_inputs: Tensors | None = None,
) -> None:
    """Check every trial, then measure those that agree side by side; what was found is in the journal.

    Candidates that agree stay open until all are measured, since blocks of all of them are interleaved.

    Args:
        plan, builds: What to try.
        bench: What to try it with.
        journal: What an earlier run has finished is not done again; what this one finishes is noted.
        budget: What has not begun when its time is over is skipped.
        emit: Told about every step.
        timed_inputs: The sample that is timed, at any batch size; None: the first one of the source.
    """
    if journal.measured and any(journal.finished_trial(trial.subject) is None for trial in plan.trials):
        journal.forget_measurements()  # whoever is tried again is measured beside the others, or not at all
    with contextlib.ExitStack() as opened:
        pairs = list(_checked(plan, builds, bench, journal, budget, emit, opened))
        sweeps, candidates = [sweep for sweep, _ in pairs], {sweep.name: candidate for sweep, candidate in pairs}
        baseline = _baseline(plan, journal.trials)
        measure_all(sweeps, candidates, baseline, bench, journal, budget, emit, timed_inputs)
        serve_all(sweeps, candidates, plan, builds, bench, journal, budget, emit, timed_inputs, baseline=baseline)
        try_threads(sweeps, candidates, plan, builds, bench, journal, budget, emit, timed_inputs)
        for sweep in sweeps:
            if not sweep.measurements:
                journal.trials[sweep.name] = _unmeasured(journal.trials[sweep.name], sweep)
        journal.done = True
        journal.write()


def _checked(
    plan: Plan,
    builds: Sequence[BuildResult],
    bench: Bench,
    journal: Journal,
    budget: Budget,
    emit: Emit,
    opened: contextlib.ExitStack,
) -> Iterator[tuple[Sweep, Candidate]]:
    """Check the trials one by one; yield each that is to be measured, still open."""
    by_route = {result.route: result for result in builds}
    for trial in plan.trials:
        build = by_route.get(trial.route.id)
        found = journal.finished_trial(trial.subject)
        candidate = None
        if found is None:
            emit(StepStarted("check", trial.subject))
            found, candidate = _tried(trial, build, bench, budget)
        elif found.status is Status.OK and not journal.done:
            found, candidate = reopen(trial, found, _model(build, bench), bench)
        journal.trial(trial.subject, found)
        emit(StepFinished("check", trial.subject, found))
        if candidate is not None:
            opened.callback(close, candidate, trial.subject)
            signature = _model(build, bench).signature
            sweep = Sweep.resumed(trial.subject, candidate, found, bench.request.profile, signature.batch_range)
            sweep.ended = sweep.ended or trial.subject in journal.ended
            yield sweep, candidate


def _tried(
    trial: Trial, build: BuildResult | None, bench: Bench, budget: Budget
) -> tuple[TrialResult, Candidate | None]:
    if build is not None and build.status is not Status.OK:
        return _skipped(trial, without_parent(build, "")), None
    if time.monotonic() > budget.checks:
        reason = "the time for comparing was used up before its turn"
        return _skipped(trial, Failure("budget", reason, "pass a larger budget_s")), None
    model = _model(build, bench)
    pointless = unsuited(trial.runner, model)
    if pointless is not None:
        return _skipped(trial, Failure("unsuited", pointless)), None
    return check(trial, model, bench)


def _skipped(trial: Trial, failure: Failure) -> TrialResult:
    return attrs.evolve(blank(trial), status=Status.SKIPPED, failure=failure)


def _model(build: BuildResult | None, bench: Bench) -> Model:
    return model_of(build, bench.source, bench.workspace)


def _baseline(plan: Plan, results: Mapping[str, TrialResult]) -> str | None:
    """The source on the runner that executes it as the user would, if it works."""
    for trial in plan.trials:
        as_the_user = trial.route.is_source and (trial.runner.plain or not trial.route.source.live)
        if as_the_user and results[trial.subject].status is Status.OK:
            return trial.subject
    return None


def _unmeasured(result: TrialResult, sweep: Sweep) -> TrialResult:
    if not sweep.notes:
        reason = "the time for measuring was used up before its turn"
        return attrs.evolve(result, status=Status.SKIPPED, failure=Failure("budget", reason, "pass a larger budget_s"))
    reason = sweep.notes[0]
    failure = sweep.failure or Failure("measure", reason)
    return attrs.evolve(result, status=Status.FAILED, failure=failure, notes=tuple(sweep.notes))

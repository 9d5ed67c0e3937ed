"""run_trials(): correctness of every trial, then speed of those that agree, side by side."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs
import numpy as np

from navcore.contracts import Model, Tensors
from navcore.domain import BatchMeasured, BuildResult, Event, Failure, Status, StepFinished, StepStarted, TrialResult
from navcore.engine.budget import Budget
from navcore.engine.build import model_of
from navcore.engine.capture import captured
from navcore.engine.check import Bench, blank, check, close, reopen
from navcore.engine.fleet import Candidate
from navcore.engine.measure import Sweep, batch_sizes, measure_round_robin
from navcore.engine.plan import Plan, Trial
from navcore.engine.shapes import resized
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
    with contextlib.ExitStack() as opened:
        sweeps = list(_checked(plan, builds, bench, journal, budget, emit, opened))
        _measure(sweeps, _baseline(plan, journal.trials), bench, journal, budget, emit, timed_inputs)
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
) -> Iterator[Sweep]:
    """Check the trials one by one; yield a sweep for each that is to be measured."""
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
            sweep = Sweep.resumed(trial.subject, candidate, found, bench.request.profile)
            sweep.ended = sweep.ended or trial.subject in journal.ended
            yield sweep


def _tried(
    trial: Trial, build: BuildResult | None, bench: Bench, budget: Budget
) -> tuple[TrialResult, Candidate | None]:
    if build is not None and build.status is not Status.OK:
        return _skipped(trial, Failure("parent", f"{build.route} was not built", "see the reason there")), None
    if time.monotonic() > budget.checks:
        reason = "the time for comparing was used up before its turn"
        return _skipped(trial, Failure("budget", reason, "pass a larger budget_s")), None
    return check(trial, _model(build, bench), bench)


def _skipped(trial: Trial, failure: Failure) -> TrialResult:
    return attrs.evolve(blank(trial), status=Status.SKIPPED, failure=failure)


def _model(build: BuildResult | None, bench: Bench) -> Model:
    return bench.source.model if build is None else model_of(build, bench.source, bench.workspace)


def _baseline(plan: Plan, results: Mapping[str, TrialResult]) -> str | None:
    """The source on the runner that executes it as the user would, if it works."""
    for trial in plan.trials:
        as_the_user = trial.route.is_source and (trial.runner.plain or not trial.route.source.live)
        if as_the_user and results[trial.subject].status is Status.OK:
            return trial.subject
    return None


def _measure(
    sweeps: Sequence[Sweep],
    baseline: str | None,
    bench: Bench,
    journal: Journal,
    budget: Budget,
    emit: Emit,
    timed_inputs: Tensors | None,
) -> None:
    """Measure one batch size after the other, from the first that the journal does not have."""
    random = np.random.default_rng(bench.request.seed)
    log = bench.workspace.log("measure")
    inputs = timed_inputs or bench.source.samples[0].inputs
    for size, feeds in itertools.islice(_timed(bench, inputs), journal.measured, None):
        alive = tuple(sweep.name for sweep in sweeps if not sweep.ended)
        if not alive or (time.monotonic() > budget.end and journal.measured):
            return
        emit(StepStarted("measure", f"batch size {size}" if size else "one sample"))
        with captured(log, echo=bench.verbose):
            rounds = measure_round_robin(
                sweeps,
                feeds,
                size,
                bench.request.profile,
                baseline=baseline,
                random=random,
                deadline=budget.end,
            )
        for sweep in sweeps:
            result = journal.trials[sweep.name]
            journal.trials[sweep.name] = attrs.evolve(
                result, measurements=tuple(sweep.measurements), notes=tuple(sweep.notes)
            )
        journal.measured += 1
        journal.ended = [sweep.name for sweep in sweeps if sweep.ended]
        journal.write()
        emit(BatchMeasured(size, alive, rounds))


def _timed(bench: Bench, inputs: Tensors) -> Iterator[tuple[int | None, Tensors]]:
    signature = bench.source.model.signature
    batched = [spec.name for spec in signature.inputs if signature.batched(spec.name)]
    if not batched:
        yield None, inputs
        return
    for size in batch_sizes(bench.request.profile):
        yield size, resized(inputs, batched, size)


def _unmeasured(result: TrialResult, sweep: Sweep) -> TrialResult:
    reason = sweep.notes[0] if sweep.notes else "it was not measured"
    failure = sweep.failure or Failure("measure", reason)
    return attrs.evolve(result, status=Status.FAILED, failure=failure, notes=tuple(sweep.notes))

"""run_trials(): correctness, then speed, then the user's verification. Numbers appear only here."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs
import numpy as np

from navcore.contracts import Infer, Tensors, VerifyFunction
from navcore.domain import (
    Agreement,
    BatchMeasured,
    BuildResult,
    Event,
    Failure,
    Request,
    Status,
    StepFinished,
    StepStarted,
    TrialResult,
)
from navcore.engine.build import model_of
from navcore.engine.capture import captured
from navcore.engine.compare import compare
from navcore.engine.describe import Source
from navcore.engine.failures import failure_from
from navcore.engine.measure import Sweep, batch_sizes, measure_round_robin
from navcore.engine.plan import Plan, Trial
from navcore.engine.shapes import resized
from navcore.store.workspace import Workspace

__all__ = ["run_trials"]

_LOGGER = logging.getLogger(__name__)

Emit = Callable[[Event], None]


@attrs.frozen(eq=False)
class _Context:
    source: Source
    workspace: Workspace
    request: Request
    emit: Emit
    verify: VerifyFunction | None
    verbose: bool


def run_trials(
    plan: Plan,
    builds: Sequence[BuildResult],
    source: Source,
    workspace: Workspace,
    request: Request,
    emit: Emit,
    *,
    verify: VerifyFunction | None = None,
    verbose: bool = False,
    timed_inputs: Tensors | None = None,
) -> tuple[TrialResult, ...]:
    """Check every trial, then measure those that agree side by side.

    Candidates that agree stay open until all are measured, since blocks of all of them are interleaved.

    Args:
        plan, builds, source: What to try.
        workspace: For logs.
        request: Device, profile and tolerance.
        emit: Told about every step.
        verify: The user's own check.
        verbose: Whether to show what steps print.
        timed_inputs: The sample that is timed, at any batch size; None: the first one of the source.
    """
    context = _Context(source, workspace, request, emit, verify, verbose)
    by_route = {result.route: result for result in builds}
    results: dict[str, TrialResult] = {}
    with contextlib.ExitStack() as opened:
        sweeps = []
        for trial in plan.trials:
            emit(StepStarted("check", trial.subject))
            result, infer = _check(trial, by_route.get(trial.route.id), context, opened)
            results[trial.subject] = result
            if infer is not None:
                sweeps.append(Sweep(trial.subject, infer))
            emit(StepFinished("check", trial.subject, result))
        _measure(sweeps, _baseline(plan, results), context, timed_inputs or source.samples[0].inputs)
        for sweep in sweeps:
            results[sweep.name] = _measured(results[sweep.name], sweep)
    return tuple(results.values())


def _baseline(plan: Plan, results: Mapping[str, TrialResult]) -> str | None:
    """The source on the runner that executes it as the user would, if it works."""
    for trial in plan.trials:
        as_the_user = trial.route.is_source and (trial.runner.plain or not trial.route.source.live)
        if as_the_user and results[trial.subject].status is Status.OK:
            return trial.subject
    return None


def _check(
    trial: Trial, build: BuildResult | None, context: _Context, opened: contextlib.ExitStack
) -> tuple[TrialResult, Infer | None]:
    """Open a trial and compare it; give its Infer, left open, where it agrees."""
    blank = TrialResult(trial.route.id, trial.route.format, trial.runner.name, len(trial.route.edges), Status.FAILED)
    if build is not None and build.status is not Status.OK:
        failure = Failure("parent", f"{build.route} was not built", "see the reason there")
        return attrs.evolve(blank, status=Status.SKIPPED, failure=failure), None
    model = context.source.model if build is None else model_of(build, context.source, context.workspace)
    log = context.workspace.log(f"check-{trial.subject.replace(' on ', '-')}")
    with captured(log, echo=context.verbose) as file:
        stack = contextlib.ExitStack()
        try:
            start = time.perf_counter()
            infer = stack.enter_context(trial.runner.open(model, context.request.device))
            blank = attrs.evolve(blank, load_s=time.perf_counter() - start)
            result = _compare(blank, infer, context)
        except (Exception, SystemExit) as error:  # a stranger's runtime may raise anything
            result = attrs.evolve(blank, failure=failure_from(error, file, context.workspace.relative(log)))
        if result.failure is None:
            opened.callback(_close, stack, trial.subject)
            return result, infer
        _close(stack, trial.subject)
        file.write(f"{result.failure.reason}\n")
    return attrs.evolve(result, failure=attrs.evolve(result.failure, log=context.workspace.relative(log))), None


def _close(stack: contextlib.ExitStack, subject: str) -> None:
    try:
        stack.close()
    except Exception:  # a stranger's runtime may fail to let go; what it gave still counts
        _LOGGER.exception("%s failed to close", subject)


def _compare(blank: TrialResult, infer: Infer, context: _Context) -> TrialResult:
    samples = context.source.samples
    start = time.perf_counter()
    infer(samples[0].inputs)
    first_call_s = time.perf_counter() - start
    agreement = compare(
        [sample.outputs for sample in samples],
        (infer(sample.inputs) for sample in samples),
        context.request.tolerance,
        precision=context.request.precision,
        batch_sizes=[sample.batch_size for sample in samples],
    )
    result = attrs.evolve(blank, agreement=agreement, first_call_s=first_call_s)
    if not agreement.within:
        return attrs.evolve(result, failure=_disagrees(agreement))
    return _verified(attrs.evolve(result, status=Status.OK), infer, context)


def _disagrees(agreement: Agreement) -> Failure:
    return Failure(
        "disagrees",
        agreement.disagreement,
        "pass tolerance=navcore.Tolerance(atol=..., rtol=...) if your task can bear this difference",
    )


def _verified(result: TrialResult, infer: Infer, context: _Context) -> TrialResult:
    """Ask the user's verify_func; a trial that it rejects, or in which it fails, is never selected."""
    if context.verify is None:
        return result
    samples = context.source.samples
    try:
        answer = context.verify((infer(sample.inputs) for sample in samples), (sample.outputs for sample in samples))
    except Exception as error:  # the user's function may raise anything
        reason = f"verify_func raised {type(error).__name__}: {error}"
        return attrs.evolve(result, status=Status.FAILED, verified=False, failure=Failure("verify", reason))
    if isinstance(answer, bool | np.bool_) and answer:
        return attrs.evolve(result, verified=True)
    failure = Failure("verify", f"verify_func returned {answer!r}", "it returns True for outputs that are good enough")
    return attrs.evolve(result, status=Status.FAILED, verified=False, failure=failure)


def _measure(sweeps: Sequence[Sweep], baseline: str | None, context: _Context, inputs: Tensors) -> None:
    random = np.random.default_rng(context.request.seed)
    log = context.workspace.log("measure")
    for size, feeds in _timed(context, inputs):
        alive = tuple(sweep.name for sweep in sweeps if not sweep.ended)
        if not alive:
            return
        context.emit(StepStarted("measure", f"batch size {size}" if size else "one sample"))
        with captured(log, echo=context.verbose):
            rounds = measure_round_robin(sweeps, feeds, size, context.request.profile, baseline=baseline, random=random)
        context.emit(BatchMeasured(size, alive, rounds))


def _timed(context: _Context, inputs: Tensors) -> Iterator[tuple[int | None, Tensors]]:
    signature = context.source.model.signature
    batched = [spec.name for spec in signature.inputs if signature.batched(spec.name)]
    if not batched:
        yield None, inputs
        return
    for size in batch_sizes(context.request.profile):
        yield size, resized(inputs, batched, size)


def _measured(result: TrialResult, sweep: Sweep) -> TrialResult:
    if sweep.measurements:
        return attrs.evolve(result, measurements=tuple(sweep.measurements), notes=tuple(sweep.notes))
    reason = sweep.notes[0] if sweep.notes else "it was not measured"
    return attrs.evolve(result, status=Status.FAILED, failure=Failure("measure", reason), notes=tuple(sweep.notes))

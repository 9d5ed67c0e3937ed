"""check(): open one trial and see whether it computes the same; the user's own verification comes last."""

from __future__ import annotations

import contextlib
import io
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import attrs

from navcore.contracts import Infer, Model, VerifyFunction
from navcore.domain import Agreement, Failure, Request, Signature, Status, TrialResult
from navcore.engine.candidate import Candidate
from navcore.engine.capture import captured
from navcore.engine.compare import compare
from navcore.engine.describe import Sample, Source
from navcore.engine.failures import FATAL, StepFailed, failure_from
from navcore.engine.fleet import Fleet
from navcore.engine.metric import Metric
from navcore.engine.plan import Trial, coarser
from navcore.engine.verify import verified
from navcore.errors import any_failure, first_line
from navcore.store.workspace import Workspace

__all__ = ["Bench", "blank", "check", "close", "reopen"]

_LOGGER = logging.getLogger(__name__)


@attrs.frozen(eq=False)
class Bench:
    """What every trial of a run is tried with.

    Attributes:
        source: With samples and reference outputs.
        workspace: For logs.
        fleet: Where artifacts on disk are run.
        request: Device and tolerance.
        verify: The user's own check.
        metric: The user's measure of quality, for candidates that lower the precision.
        verbose: Whether to show what steps print.
    """

    source: Source
    workspace: Workspace
    fleet: Fleet
    request: Request
    verify: VerifyFunction | None = None
    verbose: bool = False
    metric: Metric | None = None


def blank(trial: Trial) -> TrialResult:
    """Return the result of a trial that has not begun."""
    route = trial.route
    return TrialResult(
        route.id,
        route.format,
        trial.runner.name,
        len(route.edges),
        Status.FAILED,
        precision=trial.precision,
        deprecated=trial.deprecated,
    )


def check(trial: Trial, model: Model, bench: Bench) -> tuple[TrialResult, Candidate | None]:
    """Return what comparing found, and the candidate, still open, where it agrees."""
    try:
        return _check(trial, model, bench)
    except OSError as error:  # not even the log could be written
        return attrs.evolve(blank(trial), failure=failure_from(error, io.StringIO(), "")), None


def _check(trial: Trial, model: Model, bench: Bench) -> tuple[TrialResult, Candidate | None]:
    log = _log(trial, bench)
    result = blank(trial)
    # What is opened is closed before this returns or is interrupted, unless it agrees: an open runner holds the module.
    with captured(log, echo=bench.verbose) as file, contextlib.ExitStack() as opened:
        try:
            candidate = bench.fleet.open(trial.runner, model, bench.request.device, log, trial.subject)
            opened.callback(close, candidate, trial.subject)
            result = attrs.evolve(result, load_s=candidate.load_s)
            result = _compare(result, candidate.infer, model.signature, bench)
            result = _with_usage(result, candidate)
            if bench.metric is not None and _is_for_the_metric(result, bench):
                result = bench.metric.judged(result, candidate.infer, bench.source, file)
            if result.status is Status.OK:
                result = verified(result, candidate.infer, bench.source, bench.verify, file)
        except any_failure() as error:  # a stranger's runtime may raise anything
            failure = failure_from(error, file, bench.workspace.relative(log))
            result = attrs.evolve(result, status=Status.FAILED, failure=failure)
        if result.failure is None:
            opened.pop_all()
            return result, candidate
        file.write(f"{result.failure.reason}\n")
    return attrs.evolve(result, failure=attrs.evolve(result.failure, log=bench.workspace.relative(log))), None


def _is_for_the_metric(result: TrialResult, bench: Bench) -> bool:
    """Whether the user's metric decides: about what lowers the precision, unless a tolerance of theirs refused it."""
    if result.precision is None or result.agreement is None:
        return False
    return result.status is Status.OK or bench.request.tolerance is None


def _with_usage(result: TrialResult, candidate: Candidate) -> TrialResult:
    used = candidate.usage()
    return attrs.evolve(
        result,
        memory_bytes=used.memory_bytes,
        device_memory_bytes=used.device_memory_bytes,
        cpus=used.cpus,
        runtime_notes=used.notes,
    )


def reopen(trial: Trial, found: TrialResult, model: Model, bench: Bench) -> tuple[TrialResult, Candidate | None]:
    """Open a trial that an earlier run has compared, to be measured."""
    log = _log(trial, bench)
    with captured(log, echo=bench.verbose) as file:
        try:
            return found, bench.fleet.open(trial.runner, model, bench.request.device, log, trial.subject)
        except any_failure() as error:  # a stranger's runtime may raise anything
            failure = failure_from(error, file, bench.workspace.relative(log))
            return attrs.evolve(found, status=Status.FAILED, failure=failure), None


def close(candidate: Candidate, subject: str) -> None:
    """Close a candidate; if it fails at that, what it gave still counts."""
    try:
        candidate.close()
    except any_failure():  # a stranger's runtime may raise anything
        _LOGGER.exception("%s failed to close", subject)


def _log(trial: Trial, bench: Bench) -> Path:
    return bench.workspace.log(f"check-{trial.subject.replace(' on ', '-')}")


def _compare(result: TrialResult, infer: Infer, signature: Signature, bench: Bench) -> TrialResult:
    samples, notes, failure = _within(bench.source.samples, signature)
    if failure is not None:
        return attrs.evolve(result, failure=failure, notes=notes)
    start = time.perf_counter()
    infer(samples[0].inputs)
    first_call_s = time.perf_counter() - start
    compared, refused = _those_it_takes(samples, infer)
    notes = (*notes, *refused)
    agreement = compare(
        [sample.outputs for sample in compared],
        (infer(sample.inputs) for sample in compared),
        bench.request.tolerance,
        precision=coarser(bench.request.precision, result.precision),
        batch_sizes=[sample.batch_size for sample in compared],
    )
    result = attrs.evolve(result, agreement=agreement, first_call_s=first_call_s, notes=notes)
    if not agreement.within:
        return attrs.evolve(result, failure=_disagrees(agreement))
    return attrs.evolve(result, status=Status.OK)


def _within(samples: Sequence[Sample], signature: Signature) -> tuple[list[Sample], tuple[str, ...], Failure | None]:
    """Return the samples inside the ranges of the artifact, and a note on others; one of the user's is a failure."""
    inside: list[Sample] = []
    notes: list[str] = []
    for place, sample in enumerate(samples):
        beyond = signature.beyond({name: array.shape for name, array in sample.inputs.items()})
        if not beyond:
            inside.append(sample)
        elif sample.given:
            reason = f"sample {place} is outside of what it takes: {beyond}"
            return inside, tuple(notes), Failure("signature", reason, "leave this route out, or give other samples")
        else:
            notes.append(f"not compared where {beyond}")
    if not inside:
        reason = f"every sample is outside of what it takes: {', '.join(map(str, signature.ranges))}"
        return inside, tuple(notes), Failure("signature", reason, "give samples of other sizes")
    return inside, tuple(dict.fromkeys(notes)), None


def _those_it_takes(samples: Sequence[Sample], infer: Infer) -> tuple[list[Sample], tuple[str, ...]]:
    """Return the samples to compare: all but a batch of one that was made up and that the candidate refuses.

    Compilers may take sizes of 0 and 1 for constants, so such a candidate is good for every other size; to be wrong
    there is no refusal.
    """
    alone = [sample for sample in samples if sample.batch_size == 1 and not sample.given]
    for sample in alone:
        try:
            infer(sample.inputs)
        except StepFailed as error:
            if error.failure.kind in FATAL:
                raise
            return _without(samples, sample, error.failure.reason)
        except any_failure() as error:  # a stranger's runtime may raise anything
            return _without(samples, sample, f"{type(error).__name__}: {first_line(error)}")
    return list(samples), ()


def _without(samples: Sequence[Sample], refused: Sample, reason: str) -> tuple[list[Sample], tuple[str, ...]]:
    return [sample for sample in samples if sample is not refused], (f"batch size 1 failed: {reason}",)


def _disagrees(agreement: Agreement) -> Failure:
    fix = "pass tolerance=navcore.Tolerance(atol=..., rtol=...) if your task can bear this difference"
    if any(unlike in agreement.disagreement for unlike in (": shape is ", ": dtype is ")):
        fix = "no tolerance covers that: write the model so that this route keeps it, or use another route"
    return Failure("disagrees", agreement.disagreement, fix)

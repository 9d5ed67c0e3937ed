"""check(): open one trial and see whether it computes the same; the user's own verification comes last."""

from __future__ import annotations

import io
import logging
import time
from pathlib import Path

import attrs
import numpy as np

from navcore.contracts import Infer, Model, VerifyFunction
from navcore.domain import Agreement, Failure, Request, Status, TrialResult
from navcore.engine.candidate import Candidate
from navcore.engine.capture import captured
from navcore.engine.compare import compare
from navcore.engine.describe import Source
from navcore.engine.failures import failure_from
from navcore.engine.fleet import Fleet
from navcore.engine.plan import Trial
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
        verbose: Whether to show what steps print.
    """

    source: Source
    workspace: Workspace
    fleet: Fleet
    request: Request
    verify: VerifyFunction | None = None
    verbose: bool = False


def blank(trial: Trial) -> TrialResult:
    """Return the result of a trial that has not begun."""
    route = trial.route
    return TrialResult(route.id, route.format, trial.runner.name, len(route.edges), Status.FAILED)


def check(trial: Trial, model: Model, bench: Bench) -> tuple[TrialResult, Candidate | None]:
    """Return what comparing found, and the candidate, still open, where it agrees."""
    try:
        return _check(trial, model, bench)
    except OSError as error:  # not even the log could be written
        return attrs.evolve(blank(trial), failure=failure_from(error, io.StringIO(), "")), None


def _check(trial: Trial, model: Model, bench: Bench) -> tuple[TrialResult, Candidate | None]:
    log = _log(trial, bench)
    result = blank(trial)
    candidate: Candidate | None = None
    with captured(log, echo=bench.verbose) as file:
        try:
            candidate = bench.fleet.open(trial.runner, model, bench.request.device, log, trial.subject)
            result = attrs.evolve(result, load_s=candidate.load_s)
            result = _compare(result, candidate.infer, bench)
            result = _with_usage(result, candidate)
        except (Exception, SystemExit) as error:  # a stranger's runtime may raise anything
            result = attrs.evolve(result, failure=failure_from(error, file, bench.workspace.relative(log)))
        if result.failure is None:
            return result, candidate
        if candidate is not None:
            close(candidate, trial.subject)
        file.write(f"{result.failure.reason}\n")
    return attrs.evolve(result, failure=attrs.evolve(result.failure, log=bench.workspace.relative(log))), None


def _with_usage(result: TrialResult, candidate: Candidate) -> TrialResult:
    used = candidate.usage()
    return attrs.evolve(
        result, memory_bytes=used.memory_bytes, device_memory_bytes=used.device_memory_bytes, cpus=used.cpus
    )


def reopen(trial: Trial, found: TrialResult, model: Model, bench: Bench) -> tuple[TrialResult, Candidate | None]:
    """Open a trial that an earlier run has compared, to be measured."""
    log = _log(trial, bench)
    with captured(log, echo=bench.verbose) as file:
        try:
            return found, bench.fleet.open(trial.runner, model, bench.request.device, log, trial.subject)
        except (Exception, SystemExit) as error:  # a stranger's runtime may raise anything
            failure = failure_from(error, file, bench.workspace.relative(log))
            return attrs.evolve(found, status=Status.FAILED, failure=failure), None


def close(candidate: Candidate, subject: str) -> None:
    """Close a candidate; if it fails at that, what it gave still counts."""
    try:
        candidate.close()
    except (Exception, SystemExit):  # a stranger's runtime may raise anything
        _LOGGER.exception("%s failed to close", subject)


def _log(trial: Trial, bench: Bench) -> Path:
    return bench.workspace.log(f"check-{trial.subject.replace(' on ', '-')}")


def _compare(result: TrialResult, infer: Infer, bench: Bench) -> TrialResult:
    samples = bench.source.samples
    start = time.perf_counter()
    infer(samples[0].inputs)
    first_call_s = time.perf_counter() - start
    agreement = compare(
        [sample.outputs for sample in samples],
        (infer(sample.inputs) for sample in samples),
        bench.request.tolerance,
        precision=bench.request.precision,
        batch_sizes=[sample.batch_size for sample in samples],
    )
    result = attrs.evolve(result, agreement=agreement, first_call_s=first_call_s)
    if not agreement.within:
        return attrs.evolve(result, failure=_disagrees(agreement))
    return _verified(attrs.evolve(result, status=Status.OK), infer, bench)


def _disagrees(agreement: Agreement) -> Failure:
    return Failure(
        "disagrees",
        agreement.disagreement,
        "pass tolerance=navcore.Tolerance(atol=..., rtol=...) if your task can bear this difference",
    )


def _verified(result: TrialResult, infer: Infer, bench: Bench) -> TrialResult:
    """Ask the user's verify_func; a trial that it rejects, or in which it fails, is never selected."""
    if bench.verify is None:
        return result
    samples = bench.source.samples
    try:
        answer = bench.verify((infer(sample.inputs) for sample in samples), (sample.outputs for sample in samples))
    except Exception as error:  # the user's function may raise anything
        reason = f"verify_func raised {type(error).__name__}: {error}"
        return attrs.evolve(result, status=Status.FAILED, verified=False, failure=Failure("verify", reason))
    if isinstance(answer, bool | np.bool_) and answer:
        return attrs.evolve(result, verified=True)
    failure = Failure("verify", f"verify_func returned {answer!r}", "it returns True for outputs that are good enough")
    return attrs.evolve(result, status=Status.FAILED, verified=False, failure=failure)

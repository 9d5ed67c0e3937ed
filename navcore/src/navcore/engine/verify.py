"""verified(): the user's own check of a candidate, over the whole dataloader."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Iterator
from typing import TextIO

import attrs

from navcore.contracts import Infer, Tensors, VerifyFunction
from navcore.domain import Failure, Status, TrialResult
from navcore.engine.describe import Source
from navcore.engine.failures import FATAL, StepFailed
from navcore.engine.rest import blaming
from navcore.errors import any_failure

__all__ = ["expected_outputs", "outputs_of", "verified"]


def verified(
    result: TrialResult, infer: Infer, source: Source, verify: VerifyFunction | None, log: TextIO
) -> TrialResult:
    """Return the result with what verify_func says; a trial that it rejects, or in which it fails, is never selected.

    Args:
        result: Of a trial that agrees.
        infer: The candidate.
        source: Its samples are given first, then the rest of the dataloader. Samples that were made up are not.
        verify: The user's; None: nothing is asked.
        log: For the traceback of an exception in it.
    """
    if verify is None:
        return result
    try:
        # One reading for both sides: a dataloader that shuffles gives another order each time. What one side has read
        # and the other has not is held meanwhile.
        mine, theirs = itertools.tee(source.rest.inputs() if source.rest is not None else ())
        answer: object = verify(outputs_of(infer, source, mine), expected_outputs(source, theirs))
        accepted = bool(answer)
    except StepFailed as error:  # the candidate, the source or the dataloader, not the user's function
        if error.__cause__ is not None:  # else its traceback is in the log already
            log.write("".join(traceback.format_exception(error.__cause__)))
        if error.failure.kind in FATAL:
            raise
        reason = f"while verify_func read its outputs: {error.failure.reason}"
        return _rejected(result, Failure("verify", reason, error.failure.fix))
    except any_failure() as error:  # the user's function may raise anything
        log.write("".join(traceback.format_exception(error)))
        reason = f"verify_func raised {type(error).__name__}: {error}"
        return _rejected(result, Failure("verify", reason, "see the traceback in the log: it is your function"))
    if accepted:
        return attrs.evolve(result, verified=True)
    fix = "it returns True for outputs that are good enough"
    return _rejected(result, Failure("verify", f"verify_func returned {answer!r}", fix))


def _rejected(result: TrialResult, failure: Failure) -> TrialResult:
    return attrs.evolve(result, status=Status.FAILED, verified=False, failure=failure)


def outputs_of(infer: Infer, source: Source, further: Iterator[Tensors]) -> Iterator[Tensors]:
    """Yield what a candidate gives for every sample of the user's, and for these inputs beyond them.

    Raises:
        StepFailed: The candidate or the dataloader raised.
    """
    given = (sample.inputs for sample in source.samples if sample.given)
    for inputs in itertools.chain(given, further):
        with blaming(""):  # the candidate says what it is
            outputs = infer(inputs)
        yield outputs


def expected_outputs(source: Source, further: Iterator[Tensors]) -> Iterator[Tensors]:
    """Yield what the source gives for every sample of the user's, and for these inputs beyond them.

    Raises:
        StepFailed: The source or the dataloader raised.
    """
    yield from (sample.outputs for sample in source.samples if sample.given)
    if source.rest is not None:
        yield from source.rest.outputs(further)

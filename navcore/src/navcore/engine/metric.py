"""Metric: how good a candidate that lowers the precision is at the user's task, against the source."""

from __future__ import annotations

import math
import traceback
from typing import TextIO

import attrs

from navcore.contracts import Infer, MetricFunction
from navcore.domain import Failure, Status, TrialResult
from navcore.engine.describe import Source
from navcore.engine.failures import FATAL, StepFailed
from navcore.engine.verify import expected_outputs, outputs_of
from navcore.errors import UsageError, any_failure

__all__ = ["Metric", "metric_of"]

_FIX = "it takes an iterable of output mappings, one per sample, and returns a number, higher is better"


@attrs.frozen(eq=False)
class Metric:
    """The user's metric.

    Attributes:
        function: Takes the outputs for every sample of the dataloader, in its order; higher is better.
        score: What it says of the source.
        most_drop: By how much a candidate may be worse than the source.
    """

    function: MetricFunction
    score: float
    most_drop: float

    def judged(self, result: TrialResult, infer: Infer, source: Source, log: TextIO) -> TrialResult:
        """Return the result with the candidate's score; one that is too low, or cannot be told, fails the trial.

        Args:
            result: Of a trial that was compared.
            infer: The candidate.
            source: Its samples are given first, then the rest of the dataloader. Samples that were made up are not.
            log: For the traceback of an exception in the metric.
        """
        further = source.rest.inputs() if source.rest is not None else iter(())
        try:
            score = _number(self.function(outputs_of(infer, source, further)))
        except StepFailed as error:  # the candidate or the dataloader, not the user's function
            if error.failure.kind in FATAL:
                raise
            reason = f"while the metric read its outputs: {error.failure.reason}"
            return _failed(result, Failure("metric", reason, error.failure.fix))
        except any_failure() as error:  # the user's function may raise anything
            log.write("".join(traceback.format_exception(error)))
            reason = f"the metric raised {type(error).__name__}: {error}"
            return _failed(result, Failure("metric", reason, "see the traceback in the log: it is your function"))
        result = attrs.evolve(result, metric=score)
        drop = self.score - score
        if drop <= self.most_drop:  # false where the score is nan
            return attrs.evolve(result, status=Status.OK, failure=None)
        reason = f"the metric is {score:.6g}, {drop:.3g} below the source's {self.score:.6g}; it may drop by "
        fix = "pass a larger max_metric_drop if your task can bear it, or leave this precision out"
        return _failed(result, Failure("metric", f"{reason}{self.most_drop:.3g}", fix))


def metric_of(function: MetricFunction | None, most_drop: float, source: Source) -> Metric | None:
    """Return the user's metric with the source's own score; None where there is none.

    Raises:
        UsageError: It cannot be called, fails on the source's outputs, or returns no finite number.
    """
    if function is None:
        return None
    if not callable(function):
        raise UsageError(f"metric={function!r} cannot be called", f"pass a function: {_FIX}")
    further = source.rest.inputs() if source.rest is not None else iter(())
    try:
        score = _number(function(expected_outputs(source, further)))
    except StepFailed as error:
        raise UsageError(f"while the metric read the source's outputs: {error.failure.reason}", _FIX) from error
    except any_failure() as error:  # the user's function may raise anything
        raise UsageError(f"the metric fails on the source: {type(error).__name__}: {error}", _FIX) from error
    if not math.isfinite(score):
        raise UsageError(f"the metric says {score} of the source, so nothing can be compared with it", _FIX)
    return Metric(function, score, most_drop)


def _number(value: object) -> float:
    return float(value)  # type: ignore[arg-type]  # numpy scalars and 0-d tensors too; what is no number raises


def _failed(result: TrialResult, failure: Failure) -> TrialResult:
    return attrs.evolve(result, status=Status.FAILED, failure=failure)

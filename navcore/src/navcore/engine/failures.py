"""From an exception that a tool raised to a failure that teaches."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from typing import TextIO

import attrs

from navcore.domain import Failure, FailureKind
from navcore.engine.failures_of_machine import MISSING, SPACE
from navcore.engine.failures_of_model import FILES, FORWARD, OPERATORS, PLACES
from navcore.errors import NavError, first_line

__all__ = ["FATAL", "RULES", "StepFailed", "failure_from", "recognised"]

RULES = (*SPACE, *MISSING, *OPERATORS, *FORWARD, *FILES, *PLACES)
"""In the order in which they are asked; the first that reads a message decides."""

FATAL = ("crash", "timeout", "out-of-memory")
"""Kinds that take the worker with them."""

_LONGEST_MESSAGE = 20_000
_MOST_CAUSES = 20


class StepFailed(Exception):  # noqa: N818  # it is a result on its way, not an error of ours
    """A step that failed elsewhere, with what is known about it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


def failure_from(error: BaseException, log: TextIO, log_path: str, kind: str = FailureKind.EXCEPTION) -> Failure:
    """Return the failure, and write the whole traceback into the log.

    Args:
        error: What the tool raised. What it says of its own accord, as a NavError, stands, unless it only passes on
            what a framework raised and a rule knows that.
        log: Where the traceback goes; where it cannot be written, the failure is still returned.
        log_path: Path of the log relative to the workspace.
        kind: Where the message does not tell.
    """
    if isinstance(error, StepFailed):  # its traceback is in the log already, or there is none
        return attrs.evolve(error.failure, log=log_path)
    with contextlib.suppress(OSError, ValueError):  # the disk may be full, and a tool may have closed the stream
        log.write("".join(traceback.format_exception(error)))
        log.flush()
    found = next((known for each in _causes(error) if (known := _known(each, kind))), None)
    if found is None and isinstance(error, NavError):
        found = Failure(kind, error.cause, error.fix)
    return attrs.evolve(found or Failure(kind, _headline(error)), log=log_path)


def recognised(message: str) -> Failure | None:
    """Return what a rule knows about a message, such as the last lines of a crashed worker's log, or None."""
    for rule in RULES:
        if (found := rule.read(message[:_LONGEST_MESSAGE])) is not None:
            return Failure(rule.kind, *found)
    return None


def _known(error: BaseException, kind: str) -> Failure | None:
    if isinstance(error, NavError):
        return None
    found = recognised(f"{type(error).__name__}: {_message(error)}")
    if found is not None and found.kind is FailureKind.EXCEPTION:
        return attrs.evolve(found, kind=kind)
    return found


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, what caused it, and so on, as a traceback shows them; a chain may run in a circle."""
    current: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if current is None:
            return
        yield current
        context = None if current.__suppress_context__ else current.__context__
        current = current.__cause__ or context


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a stranger's class may fail even at this
        return ""


def _headline(error: BaseException) -> str:
    name = type(error).__name__
    try:
        return f"{name}: {first_line(error)}"
    except Exception:  # as above
        return f"{name}, which has no message that can be read"

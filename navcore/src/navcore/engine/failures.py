"""From an exception that a tool raised to a failure that teaches."""

from __future__ import annotations

import traceback
from typing import TextIO

from navcore.domain import Failure
from navcore.errors import NavError

__all__ = ["failure_from"]

_LONGEST = 400


def failure_from(error: Exception, log: TextIO, log_path: str, kind: str = "exception") -> Failure:
    """Return the failure, and write the whole traceback into the log."""
    log.write("".join(traceback.format_exception(error)))
    if isinstance(error, NavError):
        return Failure(kind, error.cause, error.fix, log_path)
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        return Failure("missing-dependency", f"the module {top!r} is not installed", f"pip install {top}", log_path)
    return Failure(kind, f"{type(error).__name__}: {_headline(error)}", "", log_path)


def _headline(error: Exception) -> str:
    """Return the first line of the message that says something, shortened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" \t-=#*\x1b")]
    text = lines[0] if lines else "no message"
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."

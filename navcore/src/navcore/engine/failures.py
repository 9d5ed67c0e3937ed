"""From an exception that a tool raised to a failure that teaches."""

from __future__ import annotations

import traceback
from typing import TextIO

from navcore.domain import Failure
from navcore.errors import NavError, first_line

__all__ = ["failure_from"]


def failure_from(error: BaseException, log: TextIO, log_path: str, kind: str = "exception") -> Failure:
    """Return the failure, and write the whole traceback into the log."""
    log.write("".join(traceback.format_exception(error)))
    if isinstance(error, NavError):
        return Failure(kind, error.cause, error.fix, log_path)
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        return Failure("missing-dependency", f"the module {top!r} is not installed", f"pip install {top}", log_path)
    return Failure(kind, f"{type(error).__name__}: {first_line(error)}", "", log_path)

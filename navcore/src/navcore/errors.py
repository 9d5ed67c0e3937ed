"""Every error that navcore raises on purpose.

    NavError
    ├ UsageError                 the call is wrong: an argument, an option, an environment
    │ ├ UnknownNameError         a runner, format, strategy or option that does not exist
    │ ├ DataloaderError          samples that are missing, or do not fit the model
    │ ├ UnrecognisedModelError   no installed plugin knows the model, or two claim it
    │ ├ ModelFileError           a model file that cannot be read
    │ ├ WorkspaceError           a folder that is not ours, or cannot be written or read
    │ ├ PackageFileError         a .nav file that is damaged, unsafe, of another schema, or in the way
    │ └ TrustError               an artifact that can run code, from a package that is not trusted with it
    ├ PluginError                a plugin broke its contract while it was needed
    ├ OutputMismatchError        outputs cannot be compared: names differ
    └ NoRuntimeError             nothing in the package satisfies the strategies

A step that fails during a run is not an error but a `navcore.domain.Failure` in the report.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable

__all__ = [
    "DataloaderError",
    "ModelFileError",
    "NavError",
    "NoRuntimeError",
    "OutputMismatchError",
    "PackageFileError",
    "PluginError",
    "TrustError",
    "UnknownNameError",
    "UnrecognisedModelError",
    "UsageError",
    "WorkspaceError",
    "any_failure",
    "first_line",
    "nearest",
]


_LONGEST_LINE = 400


class NavError(Exception):
    """An error with its cause and its fix.

    Args:
        cause: What is wrong, with the value and who gave it.
        fix: A command or an argument to type.
    """

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(cause, fix)
        self.cause = cause
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.cause}\n  fix: {self.fix}"


class UsageError(NavError, ValueError):
    """The call is wrong; nothing was run."""


class UnknownNameError(UsageError):
    """A name that nothing answers to.

    Args:
        kind: What was looked up, for example `"runner"`.
        name: The name as given.
        known: Every name that would have been accepted.
        hint: What to do if the name is spelled right; the nearest known name comes before it.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str) -> None:
        alternatives = tuple(sorted(known))
        listing = ", ".join(alternatives) or "none"
        near = nearest(name, alternatives)
        fix = f"did you mean {near!r}? Otherwise {hint}" if near else hint
        super().__init__(f"no {kind} named {name!r}; known: {listing}", fix)
        self.args = (kind, name, alternatives, hint)  # so that it can be copied and pickled
        self.kind = kind
        self.name = name
        self.known = alternatives


class DataloaderError(UsageError):
    """The dataloader gives no samples, or samples that the model cannot take."""


class UnrecognisedModelError(UsageError):
    """No installed plugin knows the model, or more than one claims it."""


class ModelFileError(UsageError):
    """A model file is missing, truncated or not what its name says."""


class WorkspaceError(UsageError):
    """A folder is not a workspace, or cannot be read or written."""


class PackageFileError(UsageError):
    """A `.nav` file cannot be read safely, or cannot be written; the message names the member."""


class TrustError(UsageError):
    """An artifact of a loaded package can run code when it is opened, and nobody has said that it may."""


class PluginError(NavError):
    """A plugin broke its contract at a moment when the run cannot go on without it."""


class OutputMismatchError(NavError):
    """Two sets of outputs have different names and cannot be compared."""


class NoRuntimeError(NavError):
    """Nothing in the package works, or nothing satisfies the strategies."""


def any_failure() -> tuple[type[BaseException], ...]:
    """Return what an `except` clause catches around a stranger's code: whatever was raised, except an interrupt.

    To be called in the clause, which evaluates it while the exception is on its way. Not all that a model may raise is
    an Exception: GeneratorExit and SystemExit are none, nor are the panics of extensions in Rust, whose class no name
    imports. KeyboardInterrupt, also as which SIGTERM arrives, ends the run.
    Not around `yield`, which a generator that is closed early leaves by a GeneratorExit of nobody's making.
    """
    error = sys.exc_info()[1]
    return () if error is None or isinstance(error, KeyboardInterrupt) else (type(error),)


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's message that says something, and the next where it ends in a colon.

    Shortened to 400 characters.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" \t-=#*\x1b")]
    text = " ".join(lines[: 2 if lines[0].endswith(":") else 1]) if lines else "no message"
    return text if len(text) <= _LONGEST_LINE else text[:_LONGEST_LINE] + " ..."


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest in spelling, ignoring case, or None."""
    folded = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None

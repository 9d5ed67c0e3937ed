"""How commands end: results on stdout, errors on stderr, and the exit code."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

import typer

from navcore.domain import PackageStatus, Status
from navcore.errors import NavError
from navcore.registry import Problem

__all__ = ["NOTHING_WORKS", "WRONG_USE", "errors_told", "finish", "reserved_stdout", "tell_problems"]

NOTHING_WORKS = 1
WRONG_USE = 2
_INTERRUPTED = 130


@contextlib.contextmanager
def errors_told(debug: bool = False) -> Iterator[None]:
    """Turn errors that are meant for the user into cause, fix and exit code; others are bugs, with a traceback."""
    try:
        yield
    except NavError as error:
        if debug:
            traceback.print_exc()
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(WRONG_USE) from None
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(_INTERRUPTED) from None


@contextlib.contextmanager
def reserved_stdout(wanted: bool) -> Iterator[TextIO]:
    """Give stdout; where wanted, whatever else is printed meanwhile goes to stderr, also from the user's own files."""
    stdout = sys.stdout
    with contextlib.redirect_stdout(sys.stderr) if wanted else contextlib.nullcontext():
        yield stdout


def tell_problems(problems: Iterable[Problem]) -> None:
    """Print plugins that did not load, or not wholly, on stderr; the others work."""
    for problem in problems:
        text = f"plugin {problem.plugin} ({problem.version}): {problem.reason}\n  fix: {problem.fix}"
        typer.echo(f"warning: {text}", err=True)


def finish(status: PackageStatus, workspace: Path, stdout: TextIO, *, as_json: bool, quiet: bool = False) -> None:
    """Print the results and exit with 1 where nothing works."""
    from navcore.report.console import print_summary
    from navcore.store.schema import to_json

    if as_json:
        stdout.write(to_json(status))
    elif not quiet:
        print_summary(status, str(workspace), stdout)
    if not any(trial.status is Status.OK for trial in status.trials):
        raise typer.Exit(NOTHING_WORKS)

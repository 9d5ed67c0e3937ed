"""How commands end: results on stdout, errors on stderr, and the exit code."""

from __future__ import annotations

import contextlib
import functools
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO, TypeVar

import attrs
import typer

from navcore.domain import BuildResult, Omission, PackageStatus, Status, TrialResult
from navcore.errors import NavError
from navcore.registry import Problem

__all__ = [
    "NOTHING_WORKS",
    "WRONG_USE",
    "errors_told",
    "finish",
    "in_options",
    "omissions_in_options",
    "reserved_stdout",
    "status_in_options",
    "tell_problems",
]

NOTHING_WORKS = 1
WRONG_USE = 2
_INTERRUPTED = 130

_VALUE = r"(?:<[^>]*>|\[[^\]]*\]|\([^)]*\)|'[^']*'|[^\s,;)]+)"
_OPTIONS = {
    rf"\bworkspace=(?P<value>{_VALUE})": "--workspace",
    rf"\btarget_device=(?P<value>{_VALUE})": "--device",
    rf"\btarget_formats=(?P<value>{_VALUE})": "--target-format",
    rf"\brunners=(?P<value>{_VALUE})": "--runner",
    r"\bmax_metric_drop\b": "--max-metric-drop",
    rf"\bprecision=(?P<value>{_VALUE})": "--precision",
    rf"\bmax_hops(?:=(?P<value>{_VALUE}))?\b": "--max-hops",
    rf"\bsample_count(?:=(?P<value>{_VALUE}))?\b": "--sample-count",
    rf"\btimeout_s(?:=(?P<value>{_VALUE}))?\b": "--timeout",
    rf"\bbudget_s(?:=(?P<value>{_VALUE}))?\b": "--budget",
    r"\bmemory_limit_bytes\b": "--memory-limit",
    r"\bmax_batch_size( in the OptimizationProfile)?\b": "--max-batch-size",
    r"\bresume=True\b": "--resume",
    r"\bbuild_only=True\b": "--build-only",
    r"\bbatching=False\b": "--no-batching",
    r"\bisolate=False\b": "--no-isolate",
    rf"\bdataloader={_VALUE}": "--dataloader or --inputs",
    r'\bnav\.package\.load\(path, trust="code"\)': "--trust code",
    r"\boverride=True\b": "--override",
    r"\bsave_data=False\b": "--no-data",
    r"\bhelp\(navcore\.optimize\)": "nav optimize --help",
}
"""What the API calls things, and the option that it is on the command line."""

Result = TypeVar("Result", BuildResult, TrialResult)


@contextlib.contextmanager
def errors_told(debug: bool = False) -> Iterator[None]:
    """Turn errors that are meant for the user into cause, fix and exit code; others are bugs, with a traceback."""
    try:
        yield
    except NavError as error:
        if debug:
            traceback.print_exc()
        cause = error.cause if error.__cause__ else in_options(error.cause)  # what others said stays as they said it
        typer.echo(f"error: {cause}\n  fix: {in_options(error.fix)}", err=True)
        raise typer.Exit(WRONG_USE) from None
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(_INTERRUPTED) from None


def in_options(text: str) -> str:
    """Return a message of the API with the names of options in place of those of arguments."""
    for pattern, option in _OPTIONS.items():
        text = re.sub(pattern, functools.partial(_option, option), text)
    return text


def _option(option: str, match: re.Match[str]) -> str:
    value = match.groupdict().get("value") or ""
    if value.startswith("<"):
        return f"{option} {value}"
    items = [item.strip(" '\"") for item in value.strip("()[]").split(",")]
    return " ".join(f"{option} {item}".strip() for item in items if item) or option


def status_in_options(status: PackageStatus) -> PackageStatus:
    """Return the results with the names of options in fixes and notices; reasons stay as the tools gave them."""
    return attrs.evolve(
        status,
        omissions=omissions_in_options(status.omissions),
        builds=tuple(_fix_in_options(build) for build in status.builds),
        trials=tuple(_fix_in_options(trial) for trial in status.trials),
        notices=tuple(map(in_options, status.notices)),
    )


def omissions_in_options(omissions: Iterable[Omission]) -> tuple[Omission, ...]:
    """Return what a plan left out with the names of options in reason and fix."""
    return tuple(attrs.evolve(each, reason=in_options(each.reason), fix=in_options(each.fix)) for each in omissions)


def _fix_in_options(result: Result) -> Result:
    failure = result.failure
    return (
        result if failure is None else attrs.evolve(result, failure=attrs.evolve(failure, fix=in_options(failure.fix)))
    )


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
    """Print the results and exit with 1 where nothing works, or nothing was built if that was all."""
    from navcore.report.console import print_summary
    from navcore.store.schema import to_json

    if as_json:
        stdout.write(to_json(status))
    elif not quiet:
        print_summary(status_in_options(status), str(workspace), stdout)
    steps: tuple[BuildResult | TrialResult, ...] = status.builds if status.request.build_only else status.trials
    if not any(step.status is Status.OK for step in steps):
        raise typer.Exit(NOTHING_WORKS)

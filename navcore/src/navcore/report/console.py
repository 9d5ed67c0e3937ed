"""The plugin that shows a run on the console: progress on stderr, the summary on stdout."""

from __future__ import annotations

import sys
from typing import TextIO

import attrs

from navcore.domain import Event, PackageStatus, RunAborted, RunFinished, RunStarted
from navcore.hookspecs import hookimpl
from navcore.report.progress import Display

__all__ = ["ConsolePlugin", "print_summary"]


def _stderr() -> TextIO:
    return sys.stderr


def _stdout() -> TextIO:
    return sys.stdout


@attrs.define(eq=False)
class ConsolePlugin:
    """Shows one run.

    Attributes:
        stderr, stdout: Held from the start, because steps redirect those of `sys` into their log while they run.
        show_summary: Whether the summary is printed when the run ends.
        started: How the run began; None before, and where it is quiet.
        display: Shows progress; None before the run and after it.
    """

    stderr: TextIO = attrs.field(factory=_stderr)
    stdout: TextIO = attrs.field(factory=_stdout)
    show_summary: bool = True
    started: RunStarted | None = None
    display: Display | None = None

    @hookimpl
    def nav_event(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._start(event)
        elif self.display is not None and isinstance(event, RunFinished):
            self._finish(event.status)
        elif isinstance(event, RunAborted):
            self.close()
        elif self.display is not None:
            self.display.show(event)

    def close(self) -> None:
        """End the progress display; for a run that was broken off."""
        if self.display is not None:
            self.display.close()
        self.display = None

    def _start(self, event: RunStarted) -> None:
        self.close()
        if not event.quiet:
            self.started = event
            self.display = Display(self.stderr, event.steps)
            self.display.show(event)

    def _finish(self, status: PackageStatus) -> None:
        self.close()
        if self.show_summary and self.started is not None:
            print_summary(status, self.started.workspace, self.stdout)


def print_summary(status: PackageStatus, workspace: str, stream: TextIO) -> None:
    """Print the summary of a run, as wide as the stream's terminal."""
    from navcore.report.page import print_page
    from navcore.report.summary import summary

    print_page(lambda width: summary(status, width, workspace), stream)

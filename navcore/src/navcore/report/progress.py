"""Progress of a run on stderr: a live line on a terminal, one plain line per finished step elsewhere."""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING, TextIO

import attrs

from navcore.domain import BatchMeasured, Event, Failure, Notice, RunStarted, StepFinished, StepStarted
from navcore.report import figures

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

__all__ = ["Display"]

_DOING = {"build": "building", "check": "checking", "measure": "measuring", "verify": "verifying"}


def _console(display: Display) -> Console:
    from rich.console import Console

    return Console(file=display.stream, highlight=False, markup=False, emoji=False, soft_wrap=True)


@attrs.define(eq=False)
class Display:
    """Shows events of one run.

    Attributes:
        stream: Where to.
        steps, done: Builds and checks planned, and finished.
        began_s: When the run began, on the monotonic clock.
        live: The live line; None where the stream is no terminal, and after the end.
    """

    stream: TextIO
    steps: int
    done: int = 0
    began_s: float = attrs.field(factory=time.monotonic)
    console: Console = attrs.field(init=False, default=attrs.Factory(_console, takes_self=True))
    live: Progress | None = None

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, StepStarted):
            self._step(event)
        elif isinstance(event, StepFinished):
            self.done += 1
            text = f"[{self.done}/{self.steps}] {event.kind} {event.subject}: {_outcome(event)}{self._to_go()}"
            self._line(text, only_plain=True)
        elif isinstance(event, BatchMeasured):
            size = "" if event.batch_size is None else f" at batch size {event.batch_size}"
            text = f"measured {figures.count(len(event.candidates), 'candidate')}{size} in {event.rounds} rounds"
            self._line(text, only_plain=True)
        elif isinstance(event, Notice):
            self._line(f"notice: {event.text}")
        elif isinstance(event, RunStarted):
            self._line(f"optimizing {event.title}: {event.signature}")
            self._line(f"{figures.count(event.steps, 'step')}, then measuring; workspace {event.workspace}")

    def _to_go(self) -> str:
        """How long until measuring, if the steps to come take as long as those that were."""
        if not 0 < self.done < self.steps:
            return ""
        left_s = (time.monotonic() - self.began_s) / self.done * (self.steps - self.done)
        return f"; about {figures.seconds(left_s)} until measuring" if left_s >= 1 else ""

    def close(self) -> None:
        """Take the live line away."""
        if self.live is not None:
            self.live.stop()
        self.live = None

    def _line(self, text: str, *, only_plain: bool = False) -> None:
        if not (only_plain and self._is_live()):
            self.console.print(text)

    def _is_live(self) -> bool:
        return self.console.is_terminal and not self.console.is_dumb_terminal

    def _step(self, event: StepStarted) -> None:
        if not self._is_live():
            return
        # A thread that redraws while something is timed would be timed with it, so the line stands still then.
        ticking = event.kind != "measure"
        if self.live is None or self.live.live.auto_refresh != ticking:
            self.close()
            self.live = self._new_live(ticking)
        to_go = self._to_go() if ticking else ""
        description = f"{_DOING.get(event.kind, event.kind)} {event.subject}{to_go}"
        self.live.update(self.live.tasks[0].id, description=description, completed=self.done, refresh=True)

    def _new_live(self, ticking: bool) -> Progress:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        live = Progress(
            MofNCompleteColumn(),
            BarColumn(bar_width=16),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=self.console,
            auto_refresh=ticking,
            refresh_per_second=4,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            get_time=time.monotonic,
        )
        live.add_task("", total=self.steps)
        live.tasks[0].start_time = self.began_s
        # A run that is broken off never says that it finished, and the terminal's cursor must come back all the same.
        weakref.finalize(self, live.stop)
        live.start()
        return live


def _outcome(event: StepFinished) -> str:
    failure: Failure | None = event.result.failure
    duration = getattr(event.result, "duration_s", None)
    if failure is None:
        if getattr(event.result, "cached", False):
            return "ok, from the cache"
        return "ok" if duration is None else f"ok, {figures.seconds(duration)}"
    return f"{event.result.status}: {failure.reason}"

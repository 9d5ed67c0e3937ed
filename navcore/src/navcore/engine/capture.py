"""What a step prints goes into its log, not over the user's screen."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

__all__ = ["captured"]


class _Stream(io.TextIOBase):
    """Writes to the log while the step runs, and to the real stream afterwards.

    A framework that is first imported inside a step may keep `sys.stderr` in its logging handlers for good.
    """

    def __init__(self, log: TextIO, real: TextIO, echo: bool) -> None:
        self.targets: tuple[TextIO, ...] = (log, real) if echo else (log,)
        self.real = real

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has it writable; nothing writes it
        """As the real stream's: tools call `sys.stdout.encoding.lower()`."""
        return getattr(self.real, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]  # likewise
        """As the real stream's."""
        return getattr(self.real, "errors", None)

    @property
    def name(self) -> str:
        """As the real stream's."""
        return str(getattr(self.real, "name", "<captured>"))

    def fileno(self) -> int:
        """Return the real stream's: what holds on to it may outlive the log, whose number is given away again."""
        return self.real.fileno()

    def write(self, text: str) -> int:
        for target in self.targets:
            target.write(text)
        return len(text)

    def flush(self) -> None:
        for target in self.targets:
            target.flush()

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def release(self) -> None:
        """Write to the real stream from now on."""
        self.targets = (self.real,)


@contextlib.contextmanager
def captured(log: Path, *, echo: bool = False) -> Iterator[TextIO]:
    """Send what Python code prints into the log for the duration of a step; give the log for further notes.

    Args:
        log: Appended to; its folder is made.
        echo: Whether to show it on the screen as well.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        streams = _Stream(file, sys.stdout, echo), _Stream(file, sys.stderr, echo)
        try:
            with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
                yield file
        finally:
            for stream in streams:
                stream.release()

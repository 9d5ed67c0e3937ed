"""SIGTERM during a run ends it as Ctrl-C does: workers first, then what is finished is written."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

__all__ = ["terminable"]


class _Terminated(KeyboardInterrupt):
    """SIGTERM; no step takes it for a failure of its own, as it might a SystemExit."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C would, and leave it as SystemExit.

    Not where the host program has a handler of its own.
    Only the main thread can set handlers; a run in another thread is ended by its process's end, and the workers
    notice that by themselves.
    """
    mine = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if mine:
        signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    except _Terminated:
        raise SystemExit(128 + signal.SIGTERM) from None
    finally:
        if mine:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _exit(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _Terminated

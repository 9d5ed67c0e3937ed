"""Several calls at once: what a server does."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import attrs

from navcore.contracts import Infer, Tensors

__all__ = ["Served", "call_together"]


@attrs.frozen
class Served:
    """What calls in flight gave.

    Attributes:
        calls_per_s: The sum of what each caller got done per second.
        calls_ms: Latency of every call.
    """

    calls_per_s: float
    calls_ms: tuple[float, ...]


def call_together(instances: Sequence[Infer], feeds: Tensors, in_flight: int, seconds: float) -> Served:
    """Keep so many calls in flight for so long.

    A thread per call in flight goes round its instance as fast as that answers: a closed loop, as with clients that
    wait. Every thread makes one call before the clock starts, and ends the call that it is in when time is over.

    Args:
        instances: Opened models; thread number k calls instance k modulo their number.
        feeds: Inputs of every call.
        in_flight: Threads.
        seconds: How long.

    Raises:
        Exception: What the first call that failed raised.
    """
    callers = [_Caller(instances[number % len(instances)], feeds, seconds) for number in range(in_flight)]
    ready, go = threading.Barrier(in_flight + 1), threading.Event()
    stop, started = threading.Event(), []
    try:
        for caller in callers:
            thread = threading.Thread(target=caller.run, args=(ready, go, stop), daemon=True)
            thread.start()
            started.append(thread)
        ready.wait()
        go.set()
        for thread in started:
            thread.join()
    finally:  # after an interrupt, or where a thread could not start, nobody stays in an instance that is closed next
        stop.set()
        ready.abort()
        go.set()
        for thread in started:
            thread.join()
    for caller in callers:
        if caller.error is not None:
            raise caller.error
    rate = sum(len(caller.calls_ms) / caller.took_s for caller in callers)
    return Served(rate, tuple(ms for caller in callers for ms in caller.calls_ms))


@attrs.define
class _Caller:
    """A client that waits for each answer."""

    infer: Infer
    feeds: Tensors
    seconds: float
    calls_ms: list[float] = attrs.field(factory=list)
    took_s: float = 0.0
    error: BaseException | None = None

    def run(self, ready: threading.Barrier, go: threading.Event, stop: threading.Event) -> None:
        """Call once, wait for the others, then call until the time is over, or all are to stop."""
        try:
            self.infer(self.feeds)
        except BaseException as error:  # told in the caller's thread
            self.error = error
        try:
            ready.wait()
        except threading.BrokenBarrierError:
            return
        go.wait()
        start = done = time.perf_counter()
        try:
            while not (stop.is_set() or self.error) and (done - start < self.seconds or not self.calls_ms):
                began = done
                self.infer(self.feeds)
                done = time.perf_counter()
                self.calls_ms.append((done - began) * 1000)
        except BaseException as error:  # told in the caller's thread
            self.error = error
        self.took_s = max(done - start, 1e-9)

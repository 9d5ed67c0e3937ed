"""The timed loop, and what a candidate offers to be timed: the same in this process and in a worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import attrs

from navcore.contracts import Infer, Tensors

__all__ = ["Clock", "LocalTimer", "Timer", "time_calls"]

Clock = Callable[[], int]
"""Nanoseconds, monotonic."""


class Timer(Protocol):
    """Something that can be timed where it runs."""

    def bind(self, feeds: Tensors) -> None:
        """Use these inputs from now on."""
        ...

    def block(self, calls: int) -> list[float]:
        """Call once without counting, then so many times; return the time of each in ms."""
        ...


def time_calls(infer: Infer, feeds: Tensors, calls: int, clock: Clock) -> list[float]:
    """Call once without counting, then `calls` times; return the time of each of these in ms.

    The first call pays for what whoever ran before has left in the caches.
    """
    infer(feeds)
    times = []
    for _ in range(calls):
        start = clock()
        infer(feeds)
        times.append(max(clock() - start, 1) / 1e6)
    return times


@attrs.define
class LocalTimer:
    """Times a candidate in this process."""

    infer: Infer
    clock: Clock = time.perf_counter_ns
    feeds: Tensors = attrs.field(factory=dict)

    def bind(self, feeds: Tensors) -> None:
        """Use these inputs from now on."""
        self.feeds = feeds

    def block(self, calls: int) -> list[float]:
        """Call once without counting, then so many times; return the time of each in ms."""
        return time_calls(self.infer, self.feeds, calls, self.clock)

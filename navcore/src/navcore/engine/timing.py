"""The timed loop, and what a candidate offers to be timed: the same in this process and in a worker."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import attrs

from navcore.contracts import Infer, Tensors

__all__ = ["Block", "Clock", "LocalTimer", "Timer", "restarted", "time_calls"]

Clock = Callable[[], int]
"""Nanoseconds, monotonic."""


@attrs.frozen
class Block:
    """What is timed at once.

    Attributes:
        samples: Looks at the clock.
        calls: Calls between two of them; more than one where a call is so short that the clock would count.
        lead: Calls before, not counted: they pay for what the candidate before left in the caches.
    """

    samples: int = 1
    calls: int = 1
    lead: int = 0


class Timer(Protocol):
    """Something that can be timed where it runs."""

    def bind(self, feeds: Tensors) -> None:
        """Use these inputs from now on."""
        ...

    def block(self, block: Block) -> list[float]:
        """Time a block; return the mean time per call of each sample in ms."""
        ...


def time_calls(infer: Infer, feeds: Tensors, block: Block, clock: Clock) -> list[float]:
    """Time a block; return the mean time per call of each sample in ms.

    Where the Infer has `synchronize()`, the clock is not looked at before the device is done. A model that changes as
    it is called begins every block as it was opened, so that what it gathers does not slow the later ones down.
    """
    synchronize = getattr(infer, "synchronize", None) or _nothing
    with restarted(infer):
        for _ in range(block.lead):
            infer(feeds)
        synchronize()
        calls = range(block.calls)
        looks = [clock()]
        for _ in range(block.samples):
            for _ in calls:
                infer(feeds)
            synchronize()
            looks.append(clock())
    return [max(end - start, 1) / 1e6 / block.calls for start, end in itertools.pairwise(looks)]


@contextlib.contextmanager
def restarted(infer: Infer) -> Iterator[None]:
    """Run the block with a model that is what it was when it was opened, and is so again afterwards.

    Only where its Infer can restart. Afterwards too, because candidates may share a live model.
    """
    restart: Callable[[], object] = getattr(infer, "restart", None) or _nothing
    restart()
    try:
        yield
    finally:
        restart()


def _nothing() -> None:
    """Wait for nothing."""


@attrs.define
class LocalTimer:
    """Times a candidate in this process."""

    infer: Infer
    clock: Clock = time.perf_counter_ns
    feeds: Tensors = attrs.field(factory=dict)

    def bind(self, feeds: Tensors) -> None:
        """Use these inputs from now on."""
        self.feeds = feeds

    def block(self, block: Block) -> list[float]:
        """Time a block here."""
        return time_calls(self.infer, self.feeds, block, self.clock)

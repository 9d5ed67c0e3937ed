"""time_calls(): what is inside a sample, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest

from navcore.contracts import Tensors
from navcore.engine.timing import Block, LocalTimer, time_calls

FEEDS: Tensors = {"x": np.zeros(1)}


@attrs.define
class Device:
    """Takes calls at once and does them later; its clock tells who looked at it when."""

    step_ns: int = 1000
    now_ns: int = 0
    waiting: int = 0
    log: list[str] = attrs.field(factory=list)

    def __call__(self, feeds: Tensors) -> Tensors:
        assert feeds is FEEDS
        self.log.append("call")
        self.waiting += 1
        return feeds

    def synchronize(self) -> None:
        self.log.append("done")
        self.now_ns += self.waiting * self.step_ns
        self.waiting = 0

    def clock(self) -> int:
        self.log.append("look")
        return self.now_ns


def test_the_device_is_done_before_each_look_at_the_clock() -> None:
    device = Device()
    time_calls(device, FEEDS, Block(samples=2, calls=3, lead=1), device.clock)

    sample = ["call", "call", "call", "done", "look"]
    assert ["call", "done", "look", *sample, *sample] == device.log


def test_the_time_of_work_that_was_only_handed_over_is_counted() -> None:
    device = Device(step_ns=2_000_000)

    assert [2.0, 2.0] == time_calls(device, FEEDS, Block(samples=2, calls=5), device.clock)


@pytest.mark.parametrize("lead", [0, 1, 7])
def test_calls_that_lead_are_made_and_not_counted(lead: int) -> None:
    now = [0]
    costs = iter([9_000_000] * lead + [1_000_000] * 4)

    def infer(feeds: Tensors) -> Tensors:
        now[0] += next(costs)
        return feeds

    assert [1.0, 1.0] == time_calls(infer, FEEDS, Block(samples=2, calls=2, lead=lead), lambda: now[0])
    assert [] == list(costs)


def test_a_sample_is_the_mean_over_its_calls_and_begins_where_the_one_before_ended() -> None:
    looks = iter([0, 6_000_000, 7_500_000])

    assert [2.0, 0.5] == time_calls(lambda feeds: feeds, FEEDS, Block(samples=2, calls=3), lambda: next(looks))


def test_a_call_shorter_than_the_tick_of_the_clock_takes_some_time_all_the_same() -> None:
    assert [1e-6 / 4] == time_calls(lambda feeds: feeds, FEEDS, Block(calls=4), lambda: 5)


def test_an_infer_without_a_device_needs_no_synchronize() -> None:
    class Refuses:
        synchronize = None

        def __call__(self, feeds: Tensors) -> Tensors:
            return feeds

    infers: list[Callable[[Tensors], Any]] = [Refuses(), lambda feeds: feeds]
    assert [3, 3] == [len(time_calls(infer, FEEDS, Block(3), iter(range(9)).__next__)) for infer in infers]


def test_what_a_call_raises_comes_through() -> None:
    def infer(feeds: Tensors) -> Tensors:
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        LocalTimer(infer).block(Block())


def test_a_timer_uses_the_inputs_that_were_bound_last() -> None:
    seen: list[Tensors] = []

    def infer(feeds: Tensors) -> Tensors:
        seen.append(feeds)
        return feeds

    timer = LocalTimer(infer)
    timer.bind({})
    timer.bind(FEEDS)
    timer.block(Block(samples=2))

    assert [FEEDS, FEEDS] == seen

"""call_together(): a closed loop of several calls in flight."""

from __future__ import annotations

import threading
import time

import attrs
import numpy as np
import pytest

from navcore.contracts import Tensors
from navcore.engine.serve import call_together

pytestmark = pytest.mark.alone

FEEDS: Tensors = {"x": np.zeros(1)}


@attrs.define
class Counting:
    """Sleeps 5 ms, and counts its calls, those at once, and the threads they come from."""

    calls: int = 0
    inside: int = 0
    most: int = 0
    threads: set[int] = attrs.field(factory=set)
    lock: threading.Lock = attrs.field(factory=threading.Lock)

    def __call__(self, feeds: Tensors) -> Tensors:
        assert feeds is FEEDS
        with self.lock:
            self.calls += 1
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.threads.add(threading.get_ident())
        time.sleep(0.005)
        with self.lock:
            self.inside -= 1
        return feeds


def test_four_clients_get_four_times_as_much_done_as_one_where_nothing_is_scarce() -> None:
    alone = call_together([Counting()], FEEDS, 1, 0.3)
    together = call_together([Counting()], FEEDS, 4, 0.3)

    assert 2.5 < together.calls_per_s / alone.calls_per_s < 6.0
    assert float(np.median(together.calls_ms)) >= 5.0
    assert float(np.median(together.calls_ms)) < 4 * float(np.median(alone.calls_ms))


def test_clients_that_have_to_wait_for_each_other_get_no_more_done_and_wait_longer() -> None:
    lock = threading.Lock()

    def one_at_a_time(feeds: Tensors) -> Tensors:
        with lock:
            time.sleep(0.005)
        return feeds

    alone, together = (call_together([one_at_a_time], FEEDS, clients, 0.3) for clients in (1, 4))

    assert 0.4 < together.calls_per_s / alone.calls_per_s < 1.7
    assert float(np.mean(together.calls_ms)) > 2 * float(np.mean(alone.calls_ms))


def test_so_many_calls_are_in_flight_and_each_comes_from_its_own_thread() -> None:
    infer = Counting()
    served = call_together([infer], FEEDS, 3, 0.1)

    assert (3, 3, 0) == (infer.most, len(infer.threads), infer.inside)
    assert infer.calls == len(served.calls_ms) + 3  # each makes a call before the clock starts


def test_instances_are_shared_out_in_turn() -> None:
    instances = [Counting() for _ in range(3)]
    call_together(instances, FEEDS, 5, 0.05)

    assert [2, 2, 1] == [len(instance.threads) for instance in instances]


def test_instances_beyond_the_calls_in_flight_stay_idle() -> None:
    instances = [Counting(), Counting()]
    call_together(instances, FEEDS, 1, 0.02)

    assert 0 == instances[1].calls


def test_everybody_is_timed_at_least_once_even_if_one_call_takes_longer_than_the_time() -> None:
    served = call_together([Counting()], FEEDS, 2, 0.0)

    assert 2 == len(served.calls_ms)
    assert served.calls_per_s <= 2 / 0.005


def test_the_first_call_is_not_timed() -> None:
    slow_once = iter([0.2])

    def infer(feeds: Tensors) -> Tensors:
        time.sleep(next(slow_once, 0.001))
        return feeds

    assert max(call_together([infer], FEEDS, 1, 0.1).calls_ms) < 150


@pytest.mark.parametrize("working", [0, 3])
@pytest.mark.parametrize("error", [RuntimeError("not from two threads"), SystemExit(3), MemoryError("no room")])
def test_what_a_call_raises_comes_through_and_nobody_waits_for_ever(working: int, error: BaseException) -> None:
    left = iter(range(working))

    def infer(feeds: Tensors) -> Tensors:
        if next(left, None) is None:
            raise error
        return feeds

    before = threading.active_count()
    with pytest.raises(type(error), match=str(error)):
        call_together([infer, Counting()], FEEDS, 4, 0.05)

    assert before == threading.active_count()


def test_an_interrupt_before_the_clock_starts_leaves_no_thread_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(threading.Barrier):
        def wait(self, timeout: float | None = None) -> int:
            if threading.current_thread() is threading.main_thread():
                raise KeyboardInterrupt
            return super().wait(timeout)

    monkeypatch.setattr("navcore.engine.serve.threading.Barrier", Interrupted)
    before, infer = threading.active_count(), Counting()
    with pytest.raises(KeyboardInterrupt):
        call_together([infer], FEEDS, 3, 60.0)

    assert before == threading.active_count()
    assert 3 == infer.calls


def test_an_interrupt_while_calls_are_in_flight_ends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupts = [KeyboardInterrupt()]

    class Interrupted(threading.Thread):
        def join(self, timeout: float | None = None) -> None:
            if interrupts:
                raise interrupts.pop()
            super().join(timeout)

    monkeypatch.setattr("navcore.engine.serve.threading.Thread", Interrupted)
    before, start = threading.active_count(), time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        call_together([Counting()], FEEDS, 3, 60.0)

    assert before == threading.active_count()
    assert time.perf_counter() - start < 30.0


def test_a_thread_that_cannot_start_leaves_no_other_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [1, 1]

    class Scarce(threading.Thread):
        def start(self) -> None:
            if not left:
                raise RuntimeError("can't start new thread")
            left.pop()
            super().start()

    monkeypatch.setattr("navcore.engine.serve.threading.Thread", Scarce)
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="can't start new thread"):
        call_together([Counting()], FEEDS, 3, 60.0)

    assert before == threading.active_count()

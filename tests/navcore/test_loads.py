"""optimize(..., concurrency=...): throughput with several calls at once, end to end on toys."""

from __future__ import annotations

import importlib
import os
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

import navcore as nav
from navcore.contracts import Infer, Model, Tensors, Tool
from navcore.domain import DeviceKind, Load, Status, StepStarted, TrialResult
from navcore.engine import loads, threads
from navcore.store.workspace import read_status
from navcore.testing.toys import TOY_JSON, TOY_LIVE, TOY_TOOLS, ToyModel, ToyPlugin, ToyRunner, toy_samples

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(sys.platform == "win32", reason="workers need POSIX process groups"),
]

PROFILE = nav.OptimizationProfile(max_batch_size=2, window_size=2, max_trials=3, concurrency=(1, 2))


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep calls in flight for a moment only: here it counts that they were, not how fast."""
    monkeypatch.setattr(loads, "_SECONDS", {"quick": 0.01, "thorough": 0.02})
    monkeypatch.setattr(threads, "thread_counts", tuple)  # test_threads.py tries those


@attrs.define(eq=False)
class Listener:
    """Notes what is served; breaks the run off before a subject."""

    break_before: str = ""
    served: list[str] = attrs.field(factory=list)

    @nav.hookimpl
    def nav_event(self, event: Any) -> None:
        if isinstance(event, StepStarted) and event.subject.endswith("with several calls at once"):
            subject = event.subject.removesuffix(" with several calls at once")
            if subject == self.break_before:
                raise KeyboardInterrupt
            self.served.append(subject)


def run(
    tmp_path: Path, *tools: Tool, listener: Listener | None = None, model: Any = None, **options: Any
) -> nav.Package:
    extra = [ToyPlugin(tools=tools or TOY_TOOLS), *([listener] if listener else [])]
    registry = nav.load_plugins(extra, installed=False)
    options = {"optimization_profile": PROFILE, "workspace": tmp_path / "w", "quiet": True} | options
    return nav.optimize(model or ToyModel(), toy_samples(), registry=registry, **options)


def trial(package: nav.Package, runner: str) -> TrialResult:
    return next(found for found in package.status.trials if found.runner == runner)


def ways(result: TrialResult) -> set[tuple[int, int]]:
    return {(load.instances, load.in_flight) for load in result.loads}


def test_artifacts_are_served_by_one_instance_and_by_several_and_the_live_source_by_one(tmp_path: Path) -> None:
    package = run(tmp_path)

    for runner in ("ToyNpz", "ToyJson"):
        assert {(1, 1), (1, 2), (2, 2)} == ways(trial(package, runner))
    assert {(1, 1), (1, 2)} == ways(trial(package, "ToyLive"))
    for found in package.status.trials:
        assert {1, found.busiest.batch_size} == {load.batch_size for load in found.loads}
        assert len(found.loads) == len({attrs.astuple(load)[:4] for load in found.loads})
        assert all(load.calls >= 3 * load.in_flight for load in found.loads)
        assert all(0 < load.p50_ms <= load.p99_ms and load.threads is None for load in found.loads)


def test_loads_are_in_the_order_in_which_they_were_asked_for(tmp_path: Path) -> None:
    def order(load: Load) -> tuple[int, int, int]:
        return load.in_flight, load.instances, load.batch_size or 0

    for found in run(tmp_path).status.trials:
        assert sorted(map(order, found.loads)) == [order(load) for load in found.loads]


def test_nothing_is_served_unless_it_is_asked_for(tmp_path: Path) -> None:
    listener = Listener()
    package = run(tmp_path, listener=listener, optimization_profile=attrs.evolve(PROFILE, concurrency=None))

    assert [] == listener.served
    assert {()} == {found.loads for found in package.status.trials}


def test_only_the_best_three_and_the_source_are_served(tmp_path: Path) -> None:
    runners = [ToyRunner(name=f"Toy-{number}", repeat=1 + 100 * number) for number in range(5)]
    slow_source = ToyRunner(name="ToyLive", accepts=TOY_LIVE, plain=True, repeat=3000)
    listener = Listener()
    package = run(tmp_path, TOY_TOOLS[0], slow_source, *runners, listener=listener)

    assert 4 == len(listener.served)
    assert "toy-live on ToyLive" == listener.served[-1]
    assert {"Toy-0", "Toy-1", "ToyLive"} <= {found.runner for found in package.status.trials if found.loads}
    assert () == trial(package, "Toy-4").loads


def test_a_source_that_is_a_file_is_served_however_slow_it_is(tmp_path: Path) -> None:
    ToyModel().save(tmp_path / "toy.npz")
    runners = [ToyRunner(name=f"Toy-{number}", accepts=TOY_JSON) for number in range(4)]
    tools = (TOY_TOOLS[1], ToyRunner(repeat=3000), *runners)
    package = run(tmp_path, *tools, model=tmp_path / "toy.npz")

    assert trial(package, "ToyNpz").loads
    assert 4 == sum(bool(found.loads) for found in package.status.trials)


def test_loads_survive_an_interrupted_run_and_are_not_measured_again(tmp_path: Path) -> None:
    source = ToyRunner(name="ToyLive", accepts=TOY_LIVE, plain=True, repeat=5000)  # the slowest, so its turn is last
    tools = (*TOY_TOOLS[:2], source, *TOY_TOOLS[3:])
    first, then = Listener(break_before="toy-live on ToyLive"), Listener()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, *tools, listener=first)
    before = {found.runner: found.loads for found in read_status(tmp_path / "w").trials}
    package = run(tmp_path, *tools, listener=then, resume=True)

    assert {"toy-npz on ToyNpz", "toy-npz/toy-json on ToyJson"} == set(first.served)
    assert ["toy-live on ToyLive"] == then.served
    assert trial(package, "ToyLive").loads
    assert all(before[runner] and before[runner] == trial(package, runner).loads for runner in ("ToyNpz", "ToyJson"))


def test_one_that_could_not_be_served_is_tried_again_on_resuming_and_says_so_once(tmp_path: Path, single: Any) -> None:
    source = ToyRunner(name="ToyLive", accepts=TOY_LIVE, plain=True, repeat=9000)
    tools = (TOY_TOOLS[0], source, single(death="threads"))
    first, then = Listener(break_before="toy-live on ToyLive"), Listener()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, *tools, listener=first)
    found = trial(run(tmp_path, *tools, listener=then, resume=True), "ToyNpz")

    assert ["toy-npz on ToyNpz", "toy-live on ToyLive"] == then.served
    assert () == found.loads
    assert len(found.notes) == len(set(found.notes))
    assert 1 == sum("2 calls at once on 2 instances at batch size 1 failed" in note for note in found.notes)


def test_a_finished_run_that_is_resumed_serves_nobody_and_keeps_the_loads(tmp_path: Path) -> None:
    expected = run(tmp_path)
    listener = Listener()
    again = run(tmp_path, listener=listener, resume=True)

    assert [] == listener.served
    assert [found.loads for found in expected.status.trials] == [found.loads for found in again.status.trials]


def test_a_budget_that_is_used_up_leaves_loads_out(tmp_path: Path) -> None:
    @attrs.frozen(kw_only=True)
    class Late(ToyRunner):
        @contextmanager
        def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
            loads.time.sleep(0.6)
            with ToyRunner.open(self, model, device) as infer:
                yield infer

    listener = Listener()
    package = run(tmp_path, Late(name="ToyLive", accepts=TOY_LIVE, plain=True), listener=listener, budget_s=0.5)

    assert [] == listener.served
    assert () == package.status.trials[0].loads


OPENED: list[tuple[str, int | None]] = []


def test_a_runner_with_threads_shares_the_cpus_among_its_instances(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @attrs.frozen(kw_only=True)
    class Threaded(ToyRunner):
        threads: int | None = None

        @contextmanager
        def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
            OPENED.append((self.name, self.threads))
            with ToyRunner.open(self, model, device) as infer:
                yield infer

    OPENED.clear()
    monkeypatch.setattr(loads, "usable_cpus", lambda: 8)
    profile = attrs.evolve(PROFILE, max_batch_size=1, concurrency=(1, 2, 16))
    package = run(tmp_path, TOY_TOOLS[0], TOY_TOOLS[2], Threaded(), optimization_profile=profile)

    assert [("ToyNpz", None), *[("ToyNpz", 4)] * 2, *[("ToyNpz", 1)] * 16] == OPENED
    found = {(load.instances, load.in_flight): load.threads for load in trial(package, "ToyNpz").loads}
    assert {(1, 1): None, (1, 2): None, (2, 2): 4, (1, 16): None, (16, 16): 1} == found


def test_a_runner_with_streams_computes_as_many_calls_at_once_on_one_instance(tmp_path: Path) -> None:
    @attrs.frozen(kw_only=True)
    class Streaming(ToyRunner):
        streams: int | None = None

        @contextmanager
        def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
            OPENED.append((self.name, self.streams))
            with ToyRunner.open(self, model, device) as infer:
                yield infer

    OPENED.clear()
    profile = attrs.evolve(PROFILE, max_batch_size=1, concurrency=(1, 2))
    package = run(tmp_path, TOY_TOOLS[0], TOY_TOOLS[2], Streaming(), optimization_profile=profile)
    found = [(load.instances, load.in_flight, load.streams) for load in trial(package, "ToyNpz").loads]

    assert [("ToyNpz", None), ("ToyNpz", 2), *[("ToyNpz", None)] * 2] == OPENED
    assert [(1, 1, None), (1, 2, None), (1, 2, 2), (2, 2, None)] == found


@attrs.frozen(kw_only=True)
class Counted(ToyRunner):
    """Notes how many of its instances are open; breaks the opening of more than `room`."""

    room: int = 99
    now: list[int] = attrs.field(factory=list, eq=False)

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        if (self.now[-1] if self.now else 0) >= self.room:
            raise MemoryError("no room")
        self.now.append((self.now[-1] if self.now else 0) + 1)
        try:
            with ToyRunner.open(self, model, device) as infer:
                yield infer
        finally:
            self.now.append(self.now[-1] - 1)


def test_the_instances_of_one_number_of_calls_are_open_at_a_time(tmp_path: Path) -> None:
    runner = Counted()
    profile = attrs.evolve(PROFILE, max_batch_size=1, concurrency=(1, 2, 4))
    run(tmp_path, TOY_TOOLS[0], TOY_TOOLS[2], runner, optimization_profile=profile, isolate=False)

    assert [1, 2, 3, 2, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0] == runner.now


def test_instances_for_which_there_is_no_room_are_closed_and_cost_only_what_needs_them(tmp_path: Path) -> None:
    runner = Counted(room=4)
    profile = attrs.evolve(PROFILE, max_batch_size=1, concurrency=(4, 2))
    package = run(tmp_path, TOY_TOOLS[0], TOY_TOOLS[2], runner, optimization_profile=profile, isolate=False)
    found = trial(package, "ToyNpz")

    assert (0, 4) == (runner.now[-1], max(runner.now))
    assert {(1, 4), (1, 2), (2, 2)} == ways(found)
    assert ("4 calls at once on 4 instances at batch size 1 failed: MemoryError: no room",) == found.notes


REMOTE = """
import attrs, os, threading
from contextlib import contextmanager
from navcore.testing.toys import ToyRunner

@attrs.frozen(kw_only=True)
class Single(ToyRunner):
    death: str = "raises"
    threads: int | None = None
    log: str = ""

    @contextmanager
    def open(self, model, device):
        if self.log:
            with open(self.log, "a") as file:
                file.write(f"{os.getpid()} {self.threads}\\n")
        inside = []
        with ToyRunner.open(self, model, device) as infer:
            def alone(feeds):
                inside.append(1)
                try:
                    if self.death == "threads" and threading.current_thread() is not threading.main_thread():
                        raise RuntimeError("not from a thread")
                    if len(inside) > 1 and self.death:
                        if self.death == "raises":
                            raise RuntimeError("not from two threads")
                        raise SystemExit(3) if self.death == "exits" else os.kill(os.getpid(), 9)
                    for _ in range(50):
                        found = infer(feeds)
                    threading.Event().wait(0.002)
                    return found
                finally:
                    inside.pop()
            yield alone
"""


@pytest.fixture
def single(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A runner whose instances bear one call at a time, in a module that a worker can import."""
    (tmp_path / "single_toy.py").write_text(textwrap.dedent(REMOTE), "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("single_toy").Single
    sys.modules.pop("single_toy", None)


@pytest.mark.parametrize("isolate", [True, False])
@pytest.mark.parametrize(
    ("death", "reason"), [("raises", "RuntimeError: not from two threads"), ("exits", "SystemExit: 3")]
)
def test_a_way_that_fails_is_left_out_with_a_note_and_the_others_count(
    tmp_path: Path, single: Any, death: str, reason: str, isolate: bool
) -> None:
    package = run(tmp_path, *TOY_TOOLS[:3], single(death=death), isolate=isolate)
    found = trial(package, "ToyNpz")

    assert (Status.OK, {(1, 1), (2, 2)}) == (found.status, ways(found))
    sizes = dict.fromkeys(load.batch_size for load in found.loads)
    expected = [f"2 calls at once on one instance at batch size {size} failed: {reason}" for size in sizes]
    assert expected == [note for note in found.notes if "at once" in note]
    assert trial(package, "ToyLive").loads


def test_a_crash_under_load_costs_only_the_loads_of_the_one_that_crashed(tmp_path: Path, single: Any) -> None:
    slow = ToyRunner(repeat=5000)  # so that its turn comes after the one that crashes, in the same worker
    package = run(tmp_path, *TOY_TOOLS[:3], slow, single(name="Killed", death="dies"))
    found = trial(package, "Killed")

    assert (Status.OK, {(1, 1), (2, 2)}) == (found.status, ways(found))
    note = next(note for note in found.notes if "at once" in note)
    assert note.startswith("2 calls at once on one instance at batch size 1 failed: the worker was killed by SIGKILL")
    assert {(1, 1), (1, 2), (2, 2)} == ways(trial(package, "ToyNpz"))
    assert trial(package, "ToyLive").loads


def test_instances_in_a_worker_are_in_one_process_and_are_told_their_threads(
    tmp_path: Path, single: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loads, "usable_cpus", lambda: 8)
    log = tmp_path / "opened.txt"
    profile = attrs.evolve(PROFILE, max_batch_size=1)
    runner = single(accepts=TOY_JSON, death="", log=str(log), name="Told")
    package = run(tmp_path, *TOY_TOOLS[:3], runner, optimization_profile=profile)
    opened = [line.split() for line in log.read_text().splitlines()]

    assert ["None", "4", "4"] == [threads for _, threads in opened]
    assert 1 == len({process for process, _ in opened})
    assert str(os.getpid()) not in {process for process, _ in opened}
    assert {(1, 1), (1, 2), (2, 2)} == ways(trial(package, "Told"))


def test_the_inputs_that_are_timed_are_those_that_are_served(tmp_path: Path) -> None:
    shapes: list[tuple[int, ...]] = []

    @attrs.frozen(kw_only=True)
    class Watching(ToyRunner):
        @contextmanager
        def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
            with ToyRunner.open(self, model, device) as infer:

                def watched(feeds: Tensors) -> Tensors:
                    if threading.current_thread() is not threading.main_thread():
                        shapes.append(feeds["x"].shape)
                    return infer(feeds)

                yield watched

    found = trial(run(tmp_path, Watching(name="ToyLive", accepts=TOY_LIVE, plain=True)), "ToyLive")

    assert {(load.batch_size, 3) for load in found.loads} == set(shapes)

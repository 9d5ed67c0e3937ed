"""MachineWatch and cpu_limit(): what disturbed a measurement, and what did not."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from navcore import cpus
from navcore.engine import machine
from navcore.engine.machine import MachineWatch, cpu_limit

pytestmark = pytest.mark.alone

SPIN = "while True: pass"


@contextlib.contextmanager
def spinning() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", SPIN])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def used(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def wait_for(pid: int, cpu_s: float = 0.7) -> float:
    """Wait until the process has used so much more CPU time, and return how much it has used in all."""
    start, deadline = used(pid), time.monotonic() + 60
    while used(pid) < start + cpu_s:
        assert time.monotonic() < deadline, "the process did not get a CPU"
        time.sleep(0.02)
    return used(pid)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> dict[int, float]:
    """A machine on which nothing runs but this process, and those in the dictionary, with what the dead had used."""
    others: dict[int, float] = {}

    def busy() -> tuple[float, float]:
        for pid in others:
            with contextlib.suppress(psutil.Error):
                others[pid] = used(pid)
        return used(os.getpid()) + sum(others.values()), 0.0

    monkeypatch.setattr(machine, "_cpu_seconds", busy)
    monkeypatch.setattr(machine, "_throttles", lambda: 0)
    return others


def test_a_process_of_somebody_else_is_foreign_load() -> None:
    watch = MachineWatch.begin([os.getpid()])
    with spinning() as process:
        wait_for(process.pid)
        warnings = watch.warnings()

    assert "other processes kept" in warnings[0]
    assert "CPUs busy while candidates were measured; measure on an idle machine" in warnings[0]


def test_how_much_is_foreign_is_said(alone: dict[int, float]) -> None:
    watch = MachineWatch.begin([os.getpid()])
    start = time.monotonic()
    with spinning() as process:
        alone[process.pid] = 0.0
        took = wait_for(process.pid)
        (warning,) = watch.warnings()
        expected = took / (time.monotonic() - start)

    assert expected == pytest.approx(float(warning.split()[3]), abs=0.15)


def test_the_runs_own_processes_are_not_foreign(alone: dict[int, float]) -> None:
    with spinning() as process:
        alone[process.pid] = 0.0
        watch = MachineWatch.begin([os.getpid(), process.pid])
        wait_for(process.pid)

        assert () == watch.warnings()


def test_a_worker_that_was_started_meanwhile_is_not_foreign(alone: dict[int, float]) -> None:
    watch = MachineWatch.begin([os.getpid()])
    with spinning() as process:
        alone[process.pid] = 0.0
        wait_for(process.pid)

        assert () == watch.warnings([os.getpid(), process.pid])


def test_a_worker_that_died_meanwhile_is_not_foreign(alone: dict[int, float]) -> None:
    with spinning() as process:
        alone[process.pid] = 0.0
        wait_for(process.pid)
        watch = MachineWatch.begin([os.getpid(), process.pid])
        alone[process.pid] = wait_for(process.pid)
        machine._cpu_seconds()
    time.sleep(0.05)

    assert () == watch.warnings()


def test_what_this_process_does_is_not_foreign(alone: dict[int, float]) -> None:
    watch = MachineWatch.begin([os.getpid()])
    end = time.process_time() + 0.6
    while time.process_time() < end:
        pass

    assert () == watch.warnings()


def measured(monkeypatch: pytest.MonkeyPatch, took_s: float, busy_s: float, stolen_s: float, throttles: int) -> str:
    """What is said after so much time, on a machine that did this meanwhile."""
    readings = iter([(100.0, 5.0), (100.0 + busy_s, 5.0 + stolen_s)])
    counts, seconds = iter([3, 3 + throttles]), iter([1000.0, 1000.0 + took_s])
    monkeypatch.setattr(machine, "_cpu_seconds", lambda: next(readings))
    monkeypatch.setattr(machine, "_throttles", lambda: next(counts))
    monkeypatch.setattr(machine, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    return "; ".join(MachineWatch.begin([]).warnings())


def test_time_that_a_host_takes_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    said = measured(monkeypatch, took_s=10.0, busy_s=0.0, stolen_s=0.5, throttles=0)

    assert "the host took 5.0% of a CPU away from this virtual machine while candidates were measured" == said


def test_throttling_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    said = measured(monkeypatch, took_s=10.0, busy_s=0.0, stolen_s=0.0, throttles=2)

    assert "the processor was throttled because of its temperature while candidates were measured" == said


@pytest.mark.parametrize(
    ("took_s", "busy_s", "stolen_s", "sentences"),
    [(10.0, 0.9, 0.1, 0), (10.0, 1.2, 0.0, 1), (10.0, 1.2, 0.3, 2), (0.4, 99.0, 99.0, 0), (10.0, -0.5, 0.0, 0)],
)
def test_little_or_a_short_while_is_not_worth_a_warning(
    monkeypatch: pytest.MonkeyPatch, took_s: float, busy_s: float, stolen_s: float, sentences: int
) -> None:
    said = measured(monkeypatch, took_s, busy_s, stolen_s, throttles=0)

    assert sentences == len([part for part in said.split("measured") if "while" in part])


def test_processes_that_are_gone_do_no_harm() -> None:
    with spinning() as process:
        watch = MachineWatch.begin([os.getpid(), process.pid])
    watch._start_s -= 10

    assert isinstance(watch.warnings([process.pid]), tuple)


def test_the_seconds_of_the_machine_grow_at_most_as_fast_as_its_cpus_allow() -> None:
    began, (busy, stolen) = time.monotonic(), machine._cpu_seconds()
    with spinning() as process:
        wait_for(process.pid, 0.3)
    later, took = machine._cpu_seconds(), time.monotonic() - began

    assert 0.25 <= later[0] - busy <= took * (os.cpu_count() or 1) + 0.5
    assert later[1] >= stolen


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "max\n"}, None),
        ({"cpu.max": ""}, None),
        ({"cpu.max": "garbage\n"}, None),
        ({"cpu.max": "100000 0\n"}, None),
        ({"cpu.max": "100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "0\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "\x00", "cpu/cpu.cfs_period_us": "x"}, None),
        ({"cpu.max": "max 100000\n", "cpu/cpu.cfs_quota_us": "1", "cpu/cpu.cfs_period_us": "1"}, None),
        ({}, None),
    ],
)
def test_the_limit_of_a_control_group_is_read_in_both_versions(
    tmp_path: Path, files: dict[str, str], expected: float | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    assert expected == cpus.allowed_cpus(str(tmp_path))


def test_bytes_that_are_no_text_are_no_limit(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_bytes(b"\xff\xfe\x00")

    assert cpus.allowed_cpus(str(tmp_path)) is None


@pytest.mark.parametrize(("allowed", "threads"), [(1.5, 1), (2.0, 2), (0.25, 1)])
def test_a_control_group_that_allows_fewer_cpus_than_are_seen_is_told_with_a_fix(
    monkeypatch: pytest.MonkeyPatch, allowed: float, threads: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(machine, "allowed_cpus", lambda: allowed)

    assert f"may use {allowed:g} CPUs, but it sees 8" in cpu_limit()
    assert cpu_limit().endswith(f"pin it with taskset, or set OMP_NUM_THREADS={threads}")


@pytest.mark.parametrize("allowed", [None, 8.0, 9.5])
def test_a_control_group_that_allows_enough_is_not_worth_a_word(
    monkeypatch: pytest.MonkeyPatch, allowed: float | None
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(machine, "allowed_cpus", lambda: allowed)

    assert "" == cpu_limit()


@pytest.mark.parametrize(
    ("allowed", "usable", "counts"),
    [(None, 8, (1, 4)), (2.5, 2, (1,)), (0.5, 1, ()), (3.0, 3, (1,)), (64.0, 8, (1, 4))],
)
def test_threads_have_room_on_the_cpus_in_sight_that_the_control_group_allows(
    monkeypatch: pytest.MonkeyPatch, allowed: float | None, usable: int, counts: tuple[int, ...]
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(cpus, "allowed_cpus", lambda: allowed)

    assert usable == cpus.usable_cpus()
    assert counts == cpus.thread_counts()

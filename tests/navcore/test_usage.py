"""Meter: memory that is really taken and CPU time that is really used, here and in a worker."""

from __future__ import annotations

import importlib
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import numpy as np
import pytest

from navcore.contracts import Infer, Model, Runner, Tensors
from navcore.domain import DeviceKind
from navcore.engine import usage
from navcore.engine.candidate import Candidate, LocalCandidate
from navcore.engine.fleet import Fleet
from navcore.engine.host import Limits
from navcore.engine.timing import Block
from navcore.engine.usage import Meter
from navcore.testing.toys import TOY_NPZ, TOY_SIGNATURE, ToyModel, ToyRunner

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of resident memory in /proc")

MIB = 2**20
FEEDS: Tensors = {"x": np.ones((2, 3), np.float32)}
HUNGRY = """
import attrs
import numpy as np
from contextlib import contextmanager
from navcore.testing.toys import ToyRunner

@attrs.frozen(kw_only=True)
class Hungry(ToyRunner):
    mib: int = 200
    passing: bool = False

    @contextmanager
    def open(self, model, device):
        held = np.ones(self.mib * 2**17)
        if self.passing:
            del held
        with ToyRunner.open(self, model, device) as infer:
            yield infer
"""


@pytest.fixture
def toy(tmp_path: Path) -> Model:
    """A toy on disk."""
    ToyModel().save(tmp_path / "model.npz")
    return Model(format=TOY_NPZ, signature=TOY_SIGNATURE, path=tmp_path / "model.npz", examples=(FEEDS,))


@pytest.fixture
def hungry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ToyRunner]]:
    """A runner that takes 200 MiB, in a module that a worker can import."""
    (tmp_path / "hungry_toy.py").write_text(textwrap.dedent(HUNGRY), "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("hungry_toy").Hungry
    sys.modules.pop("hungry_toy", None)


def taken(candidate: Candidate) -> int:
    candidate.infer(FEEDS)
    found = candidate.usage().memory_bytes
    assert found is not None
    return found // MIB


@linux
@pytest.mark.parametrize("passing", [False, True])
def test_memory_that_a_candidate_takes_here_is_seen_even_if_it_gives_it_back(
    toy: Model, hungry: Callable[..., ToyRunner], passing: bool
) -> None:
    candidate = LocalCandidate.open(hungry(passing=passing), toy, DeviceKind.CPU)

    assert 190 <= taken(candidate) <= 260
    candidate.close()


@linux
def test_memory_that_a_candidate_takes_in_a_worker_is_its_own(
    toy: Model, hungry: Callable[..., ToyRunner], tmp_path: Path
) -> None:
    runners = [hungry(name="large"), hungry(name="small", mib=50), hungry(name="passing", mib=120, passing=True)]
    fleet = Fleet(True, dict.fromkeys(runners, "toy"), Limits(60.0))
    try:
        found = [taken(fleet.open(runner, toy, DeviceKind.CPU, tmp_path / "log", runner.name)) for runner in runners]
        assert ["toy"] == fleet.started
    finally:
        fleet.close()

    # The first pays for what the worker imports; what it holds or has held does not count for the others.
    assert 190 <= found[0] <= 300
    assert 40 <= found[1] <= 90
    assert 110 <= found[2] <= 160


@linux
def test_what_is_taken_after_the_first_question_does_not_count() -> None:
    meter = Meter()
    meter.start()
    meter.stop()
    before = meter.usage()
    held = np.ones(100 * MIB // 8)
    meter.stop()

    assert before == meter.usage()
    assert held.nbytes == 100 * MIB


@linux
def test_where_the_peak_cannot_be_reset_an_earlier_one_is_not_taken_for_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(usage, "_RESET_PEAK", "no such command")
    earlier = np.ones(200 * MIB // 8)
    del earlier
    meter = Meter()
    meter.start()
    held = np.ones(60 * MIB // 8)
    meter.stop()
    found = meter.usage().memory_bytes

    assert found is not None
    assert 50 <= found // MIB <= 100
    assert held.nbytes == 60 * MIB


def test_where_the_system_does_not_tell_there_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_status_bytes", lambda name: None)
    meter = Meter()
    meter.start()
    meter.stop()

    assert meter.usage().memory_bytes is None


def test_a_status_without_the_line_or_without_the_file_gives_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = tmp_path / "status"
    monkeypatch.setattr(usage, "open", lambda path, **options: Path.open(status, **options), raising=False)
    assert usage._status_bytes("VmRSS") is None

    status.write_text("Name:\tpython\nVmPeak:\t  900 kB\nVmRSS:\t  100 kB\n")
    assert 100 * 1024 == usage._status_bytes("VmRSS")
    assert usage._status_bytes("VmHWM") is None


def test_a_meter_that_was_not_started_finds_nothing() -> None:
    meter = Meter()
    meter.stop()
    found = meter.usage()

    assert (None, None, None) == (found.memory_bytes, found.device_memory_bytes, found.cpu_use)
    assert found.cpus is not None
    assert found.cpus >= 1


@attrs.frozen(kw_only=True)
class Worked(Runner):
    """A runner whose calls do this."""

    work: Callable[[], None]
    name: str = "Worked"
    accepts: Any = TOY_NPZ
    devices: tuple[DeviceKind, ...] = (DeviceKind.CPU,)

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        def infer(feeds: Tensors) -> Tensors:
            self.work()
            return feeds

        yield infer


def spin() -> None:
    end = time.process_time() + 0.02
    while time.process_time() < end:
        pass


def cpu_use(work: Callable[[], None], toy: Model) -> float:
    candidate = LocalCandidate.open(Worked(work=work), toy, DeviceKind.CPU)
    candidate.block(Block(samples=15))
    found = candidate.usage().cpu_use
    assert found is not None
    return found


@pytest.mark.alone
def test_a_candidate_that_spins_uses_a_cpu_and_one_that_sleeps_uses_none(toy: Model) -> None:
    busy, idle = cpu_use(spin, toy), cpu_use(lambda: time.sleep(0.02), toy)

    assert 0.3 < busy < 1.3  # others may want the same CPU
    assert 0.0 <= idle < 0.2


@pytest.mark.alone
def test_only_timed_blocks_count_as_cpu_time(toy: Model) -> None:
    candidate = LocalCandidate.open(Worked(work=lambda: time.sleep(0.005)), toy, DeviceKind.CPU)
    for _ in range(10):
        spin()
        candidate.block(Block())
    found = candidate.usage().cpu_use

    assert found is not None
    assert found < 0.4


def test_a_candidate_that_was_not_timed_has_no_cpu_use(toy: Model) -> None:
    candidate = LocalCandidate.open(Worked(work=spin), toy, DeviceKind.CPU)
    candidate.infer(FEEDS)

    assert candidate.usage().cpu_use is None


class NVMLError(Exception):
    """As pynvml has it."""


def gpus(monkeypatch: pytest.MonkeyPatch, **calls: Any) -> list[str]:
    """Stand in for nvidia-ml-py, which is the machine: two GPUs with our process and another's."""
    done: list[str] = []
    mine = {"index": 0}

    def processes(handle: int) -> list[SimpleNamespace]:
        mine["index"] += 1
        used = [100, 400] if mine["index"] > 2 else [100, 100]
        return [
            SimpleNamespace(pid=usage.os.getpid(), usedGpuMemory=used[handle]),
            SimpleNamespace(pid=1, usedGpuMemory=7000),
            SimpleNamespace(pid=usage.os.getpid(), usedGpuMemory=None),
        ]

    known = {
        "NVMLError": NVMLError,
        "nvmlInit": lambda: done.append("init"),
        "nvmlShutdown": lambda: done.append("shutdown"),
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetComputeRunningProcesses": processes,
        "NVML_CLOCK_SM": 1,
        "nvmlDeviceGetClockInfo": lambda handle, _: 1000 + 500 * handle,
    }
    monkeypatch.setitem(sys.modules, "pynvml", SimpleNamespace(**(known | calls)))  # type: ignore[arg-type]
    return done


def test_gpu_memory_is_that_of_this_process_on_all_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    done = gpus(monkeypatch)
    meter = Meter()
    meter.start()
    meter.stop()

    assert 300 == meter.usage().device_memory_bytes
    assert ["init", "shutdown"] * 2 == done


def test_the_clock_is_that_of_the_gpus_in_use_while_it_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch)
    meter = Meter()
    meter.start()
    meter.stop()
    assert meter.usage().device_clock_mhz is None
    for _ in range(2):
        with meter.timed():
            pass

    assert 1250.0 == meter.usage().device_clock_mhz


@pytest.mark.parametrize("broken", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetComputeRunningProcesses"])
def test_a_driver_that_fails_gives_no_figure_for_the_gpu(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise NVMLError("driver not loaded")

    gpus(monkeypatch, **{broken: fail})
    meter = Meter()
    meter.start()
    meter.stop()

    assert meter.usage().device_memory_bytes is None


@pytest.mark.parametrize("listed", [[], [SimpleNamespace(pid=1, usedGpuMemory=7000)]])
def test_a_driver_that_does_not_list_this_process_gives_no_figure(
    listed: list[SimpleNamespace], monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus(monkeypatch, nvmlDeviceGetComputeRunningProcesses=lambda handle: listed)
    meter = Meter()
    meter.start()
    meter.stop()

    assert meter.usage().device_memory_bytes is None


def test_a_process_that_the_driver_lists_only_once_it_uses_a_gpu_began_with_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed: list[SimpleNamespace] = []
    gpus(monkeypatch, nvmlDeviceGetCount=lambda: 1, nvmlDeviceGetComputeRunningProcesses=lambda handle: listed)
    meter = Meter()
    meter.start()
    listed.append(SimpleNamespace(pid=usage.os.getpid(), usedGpuMemory=300))
    meter.stop()

    assert 300 == meter.usage().device_memory_bytes

"""Fleet.prepare(): workers that start and import ahead, and what becomes of them when the run ends early."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import psutil
import pytest

import navcore as nav
from navcore.contracts import Model, Tool
from navcore.domain import DeviceKind, Status
from navcore.engine.fleet import Fleet
from navcore.engine.host import Limits
from navcore.testing.toys import (
    TOY_NPZ,
    TOY_SIGNATURE,
    TOY_TOOLS,
    ToyExporter,
    ToyModel,
    ToyPlugin,
    ToyRunner,
    toy_samples,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workers need POSIX process groups")

FEEDS = {"x": np.ones((2, 3), np.float32)}
Write = Callable[[str, str], Path]


@pytest.fixture
def toy(tmp_path: Path) -> Model:
    """A toy on disk."""
    ToyModel().save(tmp_path / "model.npz")
    return Model(format=TOY_NPZ, signature=TOY_SIGNATURE, path=tmp_path / "model.npz", examples=(FEEDS,))


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a module that notes in which process it is imported, then runs the source; return the path of the note."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, source: str = "") -> Path:
        note = tmp_path / f"{name}.note"
        noted = f"import os\nwith open({str(note)!r}, 'a') as file:\n    file.write(f'{{os.getpid()}}\\n')\n"
        (tmp_path / f"{name}.py").write_text(noted + textwrap.dedent(source), "utf-8")
        return note

    return write


@pytest.fixture
def fleet_of() -> Iterator[Callable[..., Fleet]]:
    """Make fleets that are closed in the end; tools are of the plugin that their name begins with."""
    fleets: list[Fleet] = []

    def make(*tools: Tool, **options: Any) -> Fleet:
        origins = {tool: tool.name.split("-")[0] for tool in tools}
        fleets.append(Fleet(options.pop("isolate", True), origins, Limits(60.0), **options))
        return fleets[-1]

    yield make
    for fleet in fleets:
        fleet.close()


def runner(name: str, *imports: str) -> ToyRunner:
    """A runner that needs these modules."""
    return ToyRunner(name=name, imports=imports)


def in_time(done: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def there(pids: Any) -> list[int]:
    """Those of the processes that are running."""
    found = []
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
        except psutil.NoSuchProcess:
            continue
    return found


def test_a_worker_imports_ahead_what_its_tools_need_once(
    toy: Model, tmp_path: Path, module: Write, fleet_of: Callable[..., Fleet]
) -> None:
    notes = [module("needed_by_one"), module("needed_by_both")]
    tools = [runner("toy-1", "needed_by_one", "needed_by_both"), runner("toy-2", "needed_by_both")]
    fleet = fleet_of(*tools)
    fleet.prepare(tools)
    worker = fleet.worker(tools[1])
    pids = {note.read_text() for note in notes}

    assert ["toy"] == fleet.started
    assert 1 == len(pids)
    assert int(pids.pop()) in worker.processes()
    assert os.getpid() not in worker.processes()


def test_preparing_does_not_wait_for_the_imports(module: Write, fleet_of: Callable[..., Fleet]) -> None:
    note = module("slow_import", "import time; time.sleep(1.5)")
    tool = runner("toy-1", "slow_import")
    fleet = fleet_of(tool)
    start = time.monotonic()
    fleet.prepare([tool])
    took = time.monotonic() - start

    assert took < 1.0
    assert fleet.worker(tool).alive
    assert note.exists()
    assert time.monotonic() - start >= 1.5


def test_a_prepared_worker_serves_the_steps_that_follow(
    toy: Model, tmp_path: Path, fleet_of: Callable[..., Fleet]
) -> None:
    tools = [ToyRunner(name="toy-1"), ToyRunner(name="toy-2"), ToyRunner(name="other-1")]
    fleet = fleet_of(*tools)
    fleet.prepare(tools)
    for tool in tools:
        candidate = fleet.open(tool, toy, DeviceKind.CPU, tmp_path / "log", tool.name)
        np.testing.assert_array_equal(ToyModel()(FEEDS["x"]), candidate.infer(FEEDS)["y"])

    assert ["toy", "other"] == fleet.started


def test_preparing_again_starts_nothing(fleet_of: Callable[..., Fleet]) -> None:
    tools = [ToyRunner(name="toy-1"), ToyRunner(name="other-1")]
    fleet = fleet_of(*tools)
    first = fleet.worker(tools[0])
    fleet.prepare(tools)
    fleet.prepare(tools)

    assert first is fleet.worker(tools[0])
    assert ["toy", "other"] == fleet.started


def test_without_isolation_nothing_is_started(fleet_of: Callable[..., Fleet]) -> None:
    tool = ToyRunner(name="toy-1")
    fleet = fleet_of(tool, isolate=False)
    fleet.prepare([tool])

    assert [] == fleet.started
    assert (os.getpid(),) == fleet.processes()


@pytest.mark.parametrize(
    "source", [None, "raise RuntimeError('broken')", "raise SystemExit(3)", "print('x' * 10**6)", "1 +"]
)
def test_a_module_that_cannot_be_imported_harms_nothing(
    source: str | None, toy: Model, tmp_path: Path, module: Write, fleet_of: Callable[..., Fleet]
) -> None:
    note = module("after_it")
    if source is not None:
        module("bad_module", source)
    needing, plain = runner("toy-1", "bad_module", "after_it"), ToyRunner(name="toy-2")
    fleet = fleet_of(needing, plain)
    fleet.prepare([needing, plain])
    candidate = fleet.open(plain, toy, DeviceKind.CPU, tmp_path / "log", "toy")

    assert (2, 2) == candidate.infer(FEEDS)["y"].shape
    assert ["toy"] == fleet.started
    assert note.exists()


def test_an_import_that_kills_the_worker_costs_a_worker_and_no_step(
    toy: Model, tmp_path: Path, module: Write, fleet_of: Callable[..., Fleet]
) -> None:
    module("deadly", "os.kill(os.getpid(), 9)")
    needing, plain = runner("toy-1", "deadly"), ToyRunner(name="toy-2")
    fleet = fleet_of(needing, plain)
    fleet.prepare([needing, plain])
    candidate = fleet.open(plain, toy, DeviceKind.CPU, tmp_path / "log", "toy")

    assert (2, 2) == candidate.infer(FEEDS)["y"].shape
    assert ["toy", "toy"] == fleet.started


@pytest.mark.parametrize("first", ["started before", "died"])
def test_every_worker_of_a_plugin_imports_ahead_whenever_it_was_started(
    first: str, module: Write, fleet_of: Callable[..., Fleet]
) -> None:
    note = module("needed")
    tool = runner("toy-1", "needed")
    fleet = fleet_of(tool)
    if first == "started before":
        fleet.worker(tool)
    fleet.prepare([tool])
    if first == "died":
        fleet.worker(tool).kill()
    worker = fleet.worker(tool)

    assert ("needed",) == worker.imports
    assert int(note.read_text().split()[-1]) in worker.processes()
    assert worker is fleet.worker(tool)
    assert (1 if first == "started before" else 2) == len(note.read_text().split())


def test_a_worker_that_cannot_be_started_ahead_is_started_when_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, fleet_of: Callable[..., Fleet]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    tool = ToyRunner(name="toy-1")
    fleet = fleet_of(tool)
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", fail)
        before = sorted(os.listdir("/dev/fd"))
        fleet.prepare([tool])
        after = sorted(os.listdir("/dev/fd"))

    assert before == after
    assert fleet.worker(tool).alive
    assert ["toy"] == fleet.started


@pytest.mark.parametrize("importing", [False, True])
def test_closing_while_workers_start_ends_them_within_two_seconds(
    importing: bool, module: Write, fleet_of: Callable[..., Fleet]
) -> None:
    note = module("endless", "import time; time.sleep(600)")
    tools = [runner(f"{name}-1", "endless") for name in ("toy", "other", "third")]
    fleet = fleet_of(*tools)
    fleet.prepare(tools)
    if importing:
        assert in_time(lambda: note.exists() and 3 == len(note.read_text().split()), 60)
    pids = [pid for pid in fleet.processes() if pid != os.getpid()]
    start = time.monotonic()
    fleet.close()

    assert time.monotonic() - start < 2.0
    assert len(pids) >= 3
    assert in_time(lambda: not there(pids), 2.0)
    assert in_time(
        lambda: (
            not any(thread.name.startswith("navcore-watch") and thread.is_alive() for thread in threading.enumerate())
        ),
        5.0,
    )


def test_a_fleet_that_was_closed_while_it_started_can_be_used_again(
    toy: Model, tmp_path: Path, fleet_of: Callable[..., Fleet]
) -> None:
    tool = ToyRunner(name="toy-1")
    fleet = fleet_of(tool)
    for _ in range(5):
        fleet.prepare([tool])
        fleet.close()
    candidate = fleet.open(tool, toy, DeviceKind.CPU, tmp_path / "log", "toy")

    assert (2, 2) == candidate.infer(FEEDS)["y"].shape


def test_an_interrupt_in_this_process_leaves_no_worker_that_was_starting(tmp_path: Path, module: Write) -> None:
    note = module("endless", "import time; time.sleep(600)")

    @attrs.frozen(kw_only=True)
    class Interrupted(ToyExporter):
        def write(self, model: Any, out: Path) -> Any:
            assert in_time(note.exists, 60)
            raise KeyboardInterrupt

    tools = (Interrupted(), *TOY_TOOLS[1:4], runner("Needing", "endless"))
    registry = nav.load_plugins([ToyPlugin(tools=tools)], installed=False)
    with pytest.raises(KeyboardInterrupt):
        nav.optimize(ToyModel(), toy_samples(), registry=registry, workspace=tmp_path / "w", quiet=True)

    assert in_time(lambda: not there(map(int, note.read_text().split())), 2.0)
    assert [] == [child for child in psutil.Process().children(recursive=True) if "worker" in " ".join(child.cmdline())]


SCRIPT = """
import signal
import sys
import navcore as nav
from navcore.testing.toys import TOY_TOOLS, ToyModel, ToyPlugin, ToyRunner, toy_samples

signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell's background jobs start ignores it
tools = (*TOY_TOOLS[:4], ToyRunner(name="Needing", imports=("endless",)))
nav.optimize(ToyModel(), toy_samples(), workspace=sys.argv[1], quiet=True,
             registry=nav.load_plugins([ToyPlugin(tools=tools)], installed=False))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_while_workers_start_leaves_no_process(tmp_path: Path, module: Write, number: signal.Signals) -> None:
    note = module("endless", "import time; time.sleep(600)")
    (tmp_path / "script.py").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "w")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])},
    )
    try:
        assert in_time(lambda: note.exists() and bool(note.read_text()), 60)
        process.send_signal(number)
        process.wait(10)
    finally:
        process.kill()
        process.wait()

    assert 0 != process.returncode
    assert in_time(lambda: not there(map(int, note.read_text().split())), 2.0)


def test_a_run_prepares_the_workers_of_the_tools_that_are_in_its_plan(tmp_path: Path, module: Write) -> None:
    note, other = module("needed"), module("not_needed")
    tools = (*TOY_TOOLS[:3], runner("Needing", "needed"), runner("Unwanted", "not_needed"))
    registry = nav.load_plugins([ToyPlugin(tools=tools)], installed=False)
    package = nav.optimize(
        ToyModel(),
        toy_samples(),
        registry=registry,
        runners=["ToyLive", "Needing"],
        workspace=tmp_path / "w",
        optimization_profile=nav.OptimizationProfile(max_batch_size=1, max_trials=3),
        quiet=True,
    )

    assert {Status.OK} == {found.status for found in package.status.trials}
    assert str(os.getpid()) not in note.read_text().split()
    assert not other.exists()

"""Workers: what runs in them, what they cost, and what a run does with its time."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import navcore as nav
from navcore.contracts import Model, Tool
from navcore.domain import Status
from navcore.engine.candidate import LocalCandidate
from navcore.engine.fleet import Fleet
from navcore.engine.host import Limits, Worker
from navcore.engine.reference import NotPortableError, reference_of, tool_from
from navcore.engine.timing import Block
from navcore.errors import UnknownNameError, UsageError
from navcore.testing.toys import (
    TOY_LIVE,
    TOY_NPZ,
    TOY_SIGNATURE,
    TOY_TOOLS,
    ToyConverter,
    ToyExporter,
    ToyModel,
    ToyPlugin,
    ToyRunner,
    toy_samples,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workers need POSIX process groups")

QUICK = nav.OptimizationProfile(max_batch_size=2, window_size=2, max_trials=3)
FEEDS = {"x": np.ones((2, 3), np.float32)}


@pytest.fixture
def toy(tmp_path: Path) -> Model:
    """A toy on disk."""
    ToyModel().save(tmp_path / "model.npz")
    return Model(format=TOY_NPZ, signature=TOY_SIGNATURE, path=tmp_path / "model.npz", examples=(FEEDS,))


def fleet_of(*tools: Tool, **options: Any) -> Fleet:
    return Fleet(True, dict.fromkeys(tools, "toy"), Limits(30.0), **options)


def run(tmp_path: Path, *tools: Tool, **options: Any) -> nav.Package:
    registry = nav.load_plugins([ToyPlugin(tools=tools or TOY_TOOLS)], installed=False)
    options = {"optimization_profile": QUICK, "workspace": tmp_path / "w", "quiet": True} | options
    return nav.optimize(ToyModel(), toy_samples(), registry=registry, **options)


@pytest.mark.parametrize("tool", TOY_TOOLS)
def test_a_tool_is_rebuilt_from_its_reference(tool: Tool) -> None:
    assert tool == tool_from(reference_of(tool))


def test_a_local_class_cannot_travel_and_says_so() -> None:
    @attrs.frozen(kw_only=True)
    class Local(ToyRunner):
        pass

    with pytest.raises(NotPortableError, match="cannot be imported by name"):
        reference_of(Local())


@pytest.mark.parametrize("isolate", [True, False])
def test_what_a_runtime_tells_about_itself_is_kept_wherever_it_runs(isolate: bool, tmp_path: Path) -> None:
    live = ToyRunner(name="ToyLive", accepts=TOY_LIVE, plain=True)
    package = run(tmp_path, live, ToyExporter(), ToyRunner(note="compiled twice in 41 s"), isolate=isolate)
    told = {trial.runner: trial.runtime_notes for trial in package.status.trials}

    assert {"ToyLive": (), "ToyNpz": ("compiled twice in 41 s",)} == told


def test_a_tool_that_cannot_travel_runs_in_this_process(toy: Model, tmp_path: Path) -> None:
    @attrs.frozen(kw_only=True)
    class Local(ToyRunner):
        pass

    tool = Local()
    candidate = fleet_of(tool).open(tool, toy, nav.DeviceKind.CPU, tmp_path / "log", "toy")

    assert isinstance(candidate, LocalCandidate)


def test_a_worker_gives_what_the_tool_gives_here(toy: Model, tmp_path: Path) -> None:
    tool = ToyRunner()
    fleet = fleet_of(tool)
    candidate = fleet.open(tool, toy, nav.DeviceKind.CPU, tmp_path / "log", "toy")
    try:
        np.testing.assert_array_equal(ToyModel()(FEEDS["x"]), candidate.infer(FEEDS)["y"])
        candidate.bind(FEEDS)
        assert 5 == len(candidate.block(Block(5)))
    finally:
        fleet.close()


def test_one_worker_serves_many_steps(toy: Model, tmp_path: Path) -> None:
    runners = [ToyRunner(name=f"Toy-{index}") for index in range(8)]
    fleet = fleet_of(*runners)
    try:
        for runner in runners:
            fleet.open(runner, toy, nav.DeviceKind.CPU, tmp_path / "log", runner.name).infer(FEEDS)

        assert ["toy"] == fleet.started
    finally:
        fleet.close()


def test_a_candidate_comes_back_after_its_neighbour_took_the_worker_down(toy: Model, tmp_path: Path) -> None:
    good, bad = ToyRunner(), ToyRunner(name="Bad", fault="crashes")
    fleet = fleet_of(good, bad)
    try:
        candidate = fleet.open(good, toy, nav.DeviceKind.CPU, tmp_path / "log", "good")
        candidate.bind(FEEDS)
        with pytest.raises(Exception, match="killed by SIGKILL"):
            fleet.open(bad, toy, nav.DeviceKind.CPU, tmp_path / "log", "bad").infer(FEEDS)

        assert 3 == len(candidate.block(Block(3)))
        assert ["toy", "toy"] == fleet.started
    finally:
        fleet.close()


@pytest.mark.alone
def test_a_further_step_without_work_costs_little() -> None:
    worker = Worker("toy")
    worker.start()
    try:
        costs = []
        for _ in range(50):
            start = time.perf_counter()
            worker.ask({"do": "close", "session": "none"}, None, Limits(30.0), "nothing")
            costs.append(time.perf_counter() - start)
    finally:
        worker.kill()

    assert float(np.median(costs)) < 0.02  # rivals pay 2 to 4 s for each isolated step; this takes about 0.0002 s


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8", "uint64", "bool", "complex64", "<U5"])
def test_arrays_of_every_kind_cross_unchanged(dtype: str) -> None:
    import io

    from navcore.engine import wire

    arrays = {
        "matrix": np.arange(6).reshape(2, 3).astype(dtype),
        "scalar": np.array(1).astype(dtype),
        "empty": np.zeros((0, 4), dtype),
        "view": np.arange(24).reshape(4, 6).astype(dtype)[::2, ::3],
    }
    stream = io.BytesIO()
    wire.send(stream, {"do": "nothing"}, arrays)
    stream.seek(0)
    message, got = wire.receive(stream)

    assert {"do": "nothing"} == message
    assert {name: array.dtype for name, array in arrays.items()} == {name: array.dtype for name, array in got.items()}
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, got[name])


def test_bfloat16_crosses_unchanged() -> None:
    import io

    from navcore.engine import wire

    ml_dtypes = pytest.importorskip("ml_dtypes", reason="bfloat16 arrays need ml_dtypes, which comes with onnx")
    array = np.arange(6).astype(ml_dtypes.bfloat16)
    stream = io.BytesIO()
    wire.send(stream, {}, {"x": array})
    stream.seek(0)

    assert array.tobytes() == wire.receive(stream)[1]["x"].tobytes()


def test_objects_do_not_cross() -> None:
    import io

    from navcore.engine import wire

    with pytest.raises(ValueError, match="an array of object cannot be sent"):
        wire.send(io.BytesIO(), {}, {"x": np.array([object()])})


def test_without_isolation_everything_runs_here(tmp_path: Path) -> None:
    package = run(tmp_path, isolate=False)

    assert {Status.OK} == {trial.status for trial in package.status.trials}


def test_a_timeout_of_a_tool_is_its_own(tmp_path: Path) -> None:
    package = run(
        tmp_path, *TOY_TOOLS, ToyConverter(name="slow", fault="hangs"), timeout_s=60.0, tool_timeouts_s={"slow": 1.0}
    )
    failure = package.status.builds[1].failure

    assert failure is not None
    assert ("timeout", "toy-npz/slow took longer than 1 s, so its worker was killed") == (failure.kind, failure.reason)


def test_a_timeout_for_an_unknown_tool_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="no tool named 'toy-jsn'"):
        run(tmp_path, tool_timeouts_s={"toy-jsn": 1.0})


@pytest.mark.parametrize("options", [{"timeout_s": 0}, {"memory_limit_bytes": -1}, {"budget_s": 0}])
def test_limits_must_be_positive(tmp_path: Path, options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="must be > 0"):
        run(tmp_path, **options)


def test_a_budget_ends_the_run_with_the_best_so_far(tmp_path: Path) -> None:
    @attrs.frozen(kw_only=True)
    class Slow(ToyExporter):
        def write(self, model: Any, out: Path) -> Any:
            time.sleep(4.2)
            return ToyExporter.write(self, model, out)

    package = run(tmp_path, Slow(), *TOY_TOOLS[1:], budget_s=8.0)
    kinds = {trial.runner: trial.failure.kind if trial.failure else "" for trial in package.status.trials}

    assert not package.is_empty()
    assert "budget" == package.status.builds[1].failure.kind  # type: ignore[union-attr]
    assert kinds["ToyJson"] in ("parent", "budget")


def test_a_run_works_from_a_thread(tmp_path: Path) -> None:
    found: list[nav.Package] = []
    thread = threading.Thread(target=lambda: found.append(run(tmp_path)))
    thread.start()
    thread.join(60)

    assert {Status.OK} == {trial.status for trial in found[0].status.trials}


SCRIPT = """
import multiprocessing, sys
import navcore as nav
from navcore.testing.toys import ToyModel, ToyPlugin, toy_samples
METHOD
package = nav.optimize(
    ToyModel(), toy_samples(), workspace=sys.argv[1], quiet=True,
    optimization_profile=nav.OptimizationProfile(max_batch_size=1, max_trials=3),
    registry=nav.load_plugins([ToyPlugin()], installed=False),
)
print([trial.status.value for trial in package.status.trials])
"""


@pytest.mark.parametrize("method", ["", "fork", "spawn", "forkserver"])
def test_a_script_on_stdin_needs_no_guard_under_any_start_method(tmp_path: Path, method: str) -> None:
    script = textwrap.dedent(SCRIPT).replace(
        "METHOD", f"multiprocessing.set_start_method({method!r})" if method else ""
    )
    result = subprocess.run(
        [sys.executable, "-", str(tmp_path / "w")],
        input=script,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert 0 == result.returncode, result.stderr
    assert "['ok', 'ok', 'ok']\n" == result.stdout


def test_the_environment_is_passed_on_and_openmp_is_told_to_wait_quietly(
    toy: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from navcore.engine.host import _environment

    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert ("1", "PASSIVE") == (_environment()["OMP_NUM_THREADS"], _environment()["OMP_WAIT_POLICY"])
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")

    assert "ACTIVE" == _environment()["OMP_WAIT_POLICY"]


def test_a_live_source_stays_in_this_process(tmp_path: Path) -> None:
    package = run(tmp_path, ToyRunner(name="ToyLive", accepts=TOY_LIVE, plain=True))

    assert Status.OK is package.status.trials[0].status


def test_a_trial_that_is_tried_again_on_resuming_is_measured_beside_the_others(tmp_path: Path) -> None:
    run(tmp_path)
    journal = tmp_path / "w" / "journal.json"
    data = json.loads(journal.read_text())
    (subject,) = (name for name in data["trials"] if name.endswith("on ToyNpz"))
    timeout = {"kind": "timeout", "reason": "took too long", "fix": "", "log": ""}
    data["trials"][subject] |= {"status": "failed", "failure": timeout, "agreement": None, "measurements": []}
    journal.write_text(json.dumps(data))
    found = {trial.runner: trial for trial in run(tmp_path, resume=True).status.trials}

    assert Status.OK is found["ToyNpz"].status
    assert [1, 2] == [measurement.batch_size for measurement in found["ToyNpz"].measurements]
    assert all(measurement.ratio is not None for measurement in found["ToyNpz"].measurements)

"""Worker and RemoteCandidate: what a worker survives, what ends it, and what it starts from."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from navcore.contracts import Model
from navcore.domain import DeviceKind
from navcore.engine import host
from navcore.engine.candidate import RemoteCandidate
from navcore.engine.failures import StepFailed
from navcore.engine.fleet import Fleet
from navcore.engine.host import Limits, Worker
from navcore.engine.usage import Usage
from navcore.testing.toys import TOY_NPZ, TOY_SIGNATURE, ToyModel, ToyRunner

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workers need POSIX process groups")

FEEDS = {"x": np.ones((2, 3), np.float32)}
NOTHING = {"do": "close", "session": "none"}


@pytest.fixture
def worker() -> Iterator[Worker]:
    """One that is killed in the end."""
    made = Worker("toy")
    yield made
    made.kill()


@pytest.fixture
def candidate(tmp_path: Path) -> Iterator[RemoteCandidate]:
    """A toy that is open in a worker."""
    ToyModel().save(tmp_path / "model.npz")
    model = Model(format=TOY_NPZ, signature=TOY_SIGNATURE, path=tmp_path / "model.npz", examples=(FEEDS,))
    runner = ToyRunner()
    fleet = Fleet(True, {runner: "toy"}, Limits(60.0))
    opened = fleet.open(runner, model, DeviceKind.CPU, tmp_path / "log", "toy")
    assert isinstance(opened, RemoteCandidate)
    yield opened
    fleet.close()


@pytest.mark.parametrize("version", [(3, 10), sys.version_info[:2]])
def test_modules_in_the_current_folder_do_not_break_a_worker(
    version: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worker: Worker
) -> None:
    for name in ("types", "signal", "runpy"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('not the one of the standard library')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    monkeypatch.setattr(host.sys, "version_info", version)
    worker.spawn()
    monkeypatch.undo()
    worker.greet()

    assert worker.alive


def test_arrays_that_cannot_be_sent_cost_no_worker(worker: Worker) -> None:
    worker.start()
    with pytest.raises(StepFailed, match="the inputs of a step cannot be sent: an array of object") as caught:
        worker.ask(NOTHING, {"x": np.array([None, "a"], object)}, Limits(60.0), "a step")
    answer, _ = worker.ask(NOTHING, None, Limits(60.0), "a step")

    assert "exception" == caught.value.failure.kind
    assert {} == answer


def test_two_threads_that_end_a_worker_close_its_lifeline_once(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.start()
    lifeline, close = worker._lifeline, os.close
    closed: list[int] = []

    def close_while_another_ends_it(number: int) -> None:
        closed.append(number)
        if [lifeline] == [each for each in closed if each == lifeline]:
            other = threading.Thread(target=worker.kill)
            other.start()
            other.join(30)
            close(number)

    monkeypatch.setattr(host.os, "close", close_while_another_ends_it)
    worker.kill()

    assert 1 == closed.count(lifeline)
    assert not worker.alive


def test_asking_what_a_candidate_took_starts_no_worker_again(candidate: RemoteCandidate) -> None:
    assert candidate.usage().cpus is not None
    candidate._fleet.worker(candidate._runner).kill()

    assert Usage() == candidate.usage()
    assert ["toy"] == candidate._fleet.started


def test_a_candidate_that_could_not_be_opened_again_is_not_open(candidate: RemoteCandidate, tmp_path: Path) -> None:
    candidate._fleet.worker(candidate._runner).kill()
    (tmp_path / "model.npz").rename(tmp_path / "away.npz")
    with pytest.raises(StepFailed, match="FileNotFoundError"):
        candidate.infer(FEEDS)
    (tmp_path / "away.npz").rename(tmp_path / "model.npz")

    np.testing.assert_array_equal(ToyModel()(FEEDS["x"]), candidate.infer(FEEDS)["y"])

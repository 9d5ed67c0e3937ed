"""Ctrl-C, SIGTERM and kill -9: no process is left, what is finished stays, and a run can be resumed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import psutil
import pytest

from navcore.domain import PackageStatus, Status
from navcore.store.workspace import read_status

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(sys.platform == "win32", reason="workers need POSIX process groups"),
]

SCRIPT = Path(__file__).with_name("long_run.py")
MOMENTS = int(os.environ.get("NAVCORE_KILL_MOMENTS", "4"))
"""How many random moments are tried; `nox -s kill` asks for 20."""


def start(tmp_path: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(tmp_path / "w"), str(tmp_path / "ledger"), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NAVCORE_TEST_RUN": str(tmp_path)},
    )


def finish(tmp_path: Path, *options: str) -> PackageStatus:
    process = start(tmp_path, *options)
    _, errors = process.communicate(timeout=120)

    assert 0 == process.returncode, errors
    return read_status(tmp_path / "w")


def workers(tmp_path: Path) -> set[int]:
    """Every worker of the test's runs, and their guards."""
    found = set()
    for process in psutil.process_iter(["cmdline", "status"]):
        if "navcore.engine.worker" not in (process.info["cmdline"] or []) or process.info["status"] == "zombie":
            continue
        with contextlib.suppress(psutil.Error):
            if process.environ().get("NAVCORE_TEST_RUN") == str(tmp_path):
                found.add(process.pid)
    return found


def none_left(tmp_path: Path, within_s: float = 2.0) -> bool:
    """Whether the workers are gone in time."""
    deadline = time.monotonic() + within_s
    while workers(tmp_path):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def without_times(status: PackageStatus) -> Any:
    """Everything but what a clock decides, and whether an artifact was in the cache already."""
    builds = [attrs.evolve(build, duration_s=0.0, cached=False) for build in status.builds]
    trials = [
        (trial.route, trial.runner, trial.status, trial.agreement, [found.batch_size for found in trial.measurements])
        for trial in status.trials
    ]
    return status.title, status.signature, status.request, builds, trials, status.omissions, status.notices


def wait_for(process: subprocess.Popen[str], ledger: Path, text: str) -> None:
    deadline = time.monotonic() + 60
    while not (ledger.exists() and text in ledger.read_text()):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "the run did not get there in time"
        time.sleep(0.005)


def steps(tmp_path: Path, event: str) -> set[str]:
    """Subjects of the events of a kind that the ledger has, measuring aside."""
    pairs = (line.split(" ", 1) for line in (tmp_path / "ledger").read_text().splitlines())
    return {subject for name, subject in pairs if name == event and "batch size" not in subject}


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_its_workers_and_leaves_what_is_finished(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    process = start(tmp_path)
    wait_for(process, tmp_path / "ledger", "StepFinished toy-npz on ToyNpz")
    assert workers(tmp_path)
    process.send_signal(number)
    sent = time.monotonic()
    _, errors = process.communicate(timeout=20)

    assert status == process.returncode, errors
    assert time.monotonic() - sent < 10
    assert none_left(tmp_path)
    found = read_status(tmp_path / "w")
    assert {Status.OK} == {build.status for build in found.builds}
    assert "interrupted" in {trial.failure.kind for trial in found.trials if trial.failure}
    assert [] == [
        path.name for path in (tmp_path / "w").rglob("*") if path.name in ("scratch",) or path.suffix == ".new"
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[PackageStatus, float]:
    """What an uninterrupted run finds, and how long it takes."""
    began = time.monotonic()
    return finish(tmp_path_factory.mktemp("whole")), time.monotonic() - began


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_killed_run_leaves_no_worker_and_resumes_to_the_same_result(
    tmp_path: Path, moment: int, whole: tuple[PackageStatus, float]
) -> None:
    expected, duration_s = whole
    process = start(tmp_path)
    time.sleep(random.Random(moment).uniform(0.2, 0.95) * duration_s)
    process.send_signal(signal.SIGKILL)
    process.communicate()

    assert none_left(tmp_path)
    ledger = tmp_path / "ledger"
    first = ledger.read_text().splitlines() if ledger.exists() else []
    ledger.unlink(missing_ok=True)
    resumed = finish(tmp_path, "--resume")
    new = [notice for notice in resumed.notices if "to resume" in notice]
    assert without_times(expected) == without_times(attrs.evolve(resumed, notices=expected.notices))
    # A run that was killed before its first step left nothing to resume, and says so.
    assert bool(new) == (not any(line.startswith("StepFinished") for line in first))
    done = {line.split(" ", 1)[1] for line in first if line.startswith("StepFinished")}
    assert set() == done & steps(tmp_path, "StepStarted")


def test_a_step_that_had_finished_is_not_done_again(tmp_path: Path) -> None:
    process = start(tmp_path, "--pause-after", "toy-npz/copy-1 on ToyJson")
    wait_for(process, tmp_path / "ledger", "StepFinished toy-npz/copy-1 on ToyJson")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    finished = steps(tmp_path, "StepFinished")
    (tmp_path / "ledger").unlink()
    finish(tmp_path, "--resume")

    assert "toy-npz/copy-1 on ToyJson" in finished
    assert set() == finished & steps(tmp_path, "StepStarted")
    assert finished < steps(tmp_path, "StepFinished")


def test_a_finished_run_that_is_resumed_does_nothing(tmp_path: Path) -> None:
    expected = finish(tmp_path)
    (tmp_path / "ledger").unlink()
    found = finish(tmp_path, "--resume")

    counted = Counter(line.split()[0] for line in (tmp_path / "ledger").read_text().splitlines())
    assert 0 == counted["BatchMeasured"]
    assert [trial.measurements for trial in expected.trials] == [trial.measurements for trial in found.trials]


def test_a_run_with_other_options_is_not_resumed_but_begun_anew(tmp_path: Path) -> None:
    finish(tmp_path)
    journal = tmp_path / "w" / "journal.json"
    journal.write_text(journal.read_text().replace('"identity": "', '"identity": "0'))
    found = finish(tmp_path, "--resume")

    assert "there was no run of this model with these options to resume" in found.notices[0]

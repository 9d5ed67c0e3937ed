"""How many threads a session starts."""

import os
import subprocess
import sys

import pytest

from nav_onnx import threads
from nav_onnx.threads import default_threads


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine: `machine(cpus, {cpu: "its siblings"}, usable)` returns the folder of its CPUs."""

    def make(cpus, siblings, usable):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(cpus), raising=False)
        monkeypatch.setattr(threads, "usable_cpus", lambda: usable)
        for cpu, listed in siblings.items():
            topology = tmp_path / f"cpu{cpu}" / "topology"
            topology.mkdir(parents=True)
            (topology / "thread_siblings_list").write_text(f"{listed}\n")
        return str(tmp_path)

    return make


PAIRS = {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}


@pytest.mark.parametrize(
    ("cpus", "siblings", "usable", "expected"),
    [
        (range(4), PAIRS, 4, 2),
        ([0, 2], PAIRS, 2, 1),
        ([0, 1], PAIRS, 2, 2),
        (range(4), PAIRS, 1, 1),
        (range(3), {}, 3, 3),
    ],
    ids=["two threads per core", "one core's two threads", "one thread of each core", "a quota", "not told"],
)
def test_every_core_that_the_process_may_use_gets_one(machine, cpus, siblings, usable, expected):
    assert expected == default_threads(machine(cpus, siblings, usable))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot pin a process")
def test_a_session_of_a_pinned_process_starts_none_beside_the_callers(affine):
    code = (
        "import os, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from pathlib import Path; import onnxruntime; from nav_onnx.runners import ONNX_CPU\n"
        "before = len(os.listdir('/proc/self/task')); session = ONNX_CPU.session(Path(sys.argv[1]))\n"
        "print(session.get_session_options().intra_op_num_threads, len(os.listdir('/proc/self/task')) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(affine)], capture_output=True, text=True, check=True)

    assert "1 0" == done.stdout.strip()

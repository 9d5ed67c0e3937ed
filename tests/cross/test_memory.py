"""A search takes less than three times the memory of its model in the user's process."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from navcore.contracts import Exporter, Model
from navcore.domain import Signature
from navcore.engine.fleet import Fleet
from navcore.engine.host import Limits
from navcore.formats import Format

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the peaks come from /proc/self/status of Linux")

MOST = 3.0
MEBIBYTES = int(os.environ.get("NAVCORE_MEMORY_MEBIBYTES", "200"))
"""Size of the models; `nox -s memory` takes larger ones, and all routes."""

THOROUGH = "NAVCORE_MEMORY_MEBIBYTES" in os.environ
ALL_CASES = (
    *(f"{kind}:{place}" for kind in ("Mixed", "Table", "Buffers") for place in ("worker", "here")),
    "Own:worker",
)
CASES = ALL_CASES if THOROUGH else ("Mixed:worker", "Table:here")
QUICK_RUNNERS = ("TorchCPU", "TorchCPU-channels-last", "TorchScriptCPU", "TorchExportedProgramCPU", "OnnxCPU")
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What searches took, by case, in a process that does nothing else."""
    pytest.importorskip("torch", reason="the models are torch modules: pip install torch")
    command = [
        sys.executable,
        str(HERE / "memory_run.py"),
        str(tmp_path_factory.mktemp("memory") / "w"),
        str(MEBIBYTES),
    ]
    command += [f"--case={case}" for case in CASES]
    command += ["--precision=bf16"] if THOROUGH else [f"--runner={name}" for name in QUICK_RUNNERS]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "2"}
    )
    sys.stdout.write(done.stdout)  # for `nox -s memory`, which shows it
    return {case["case"]: case for case in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("case", CASES)
def test_a_search_peaks_below_three_times_the_model(case: str, found: dict[str, Any]) -> None:
    took = found[case]

    assert {"unsuited", "not-needed"} >= set(took["failures"].values())
    assert 0.9 < took["peak"] < MOST, took["steps"]


def test_a_worker_maps_the_model_that_was_handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="the model is a torch module: pip install torch")
    monkeypatch.syspath_prepend(str(HERE))
    from memory_models import MEBI, MemoryExporter, Mixed  # type: ignore[import-not-found]

    from nav_torch.hand_over import hand_over

    module = Mixed(100 * MEBI).eval()
    size = sum(parameter.nbytes for parameter in module.parameters())
    model = Model(format=Format.TORCH, signature=Signature((), ()), object=module)
    exporter: Exporter = MemoryExporter()
    fleet = Fleet(True, {exporter: "nav-torch"}, Limits(120.0), scratch=tmp_path / "scratch")
    fleet.hand_over = lambda given, folder: hand_over(given, folder, False)
    with contextlib.closing(fleet):
        fleet.write(exporter, model, tmp_path / "out.txt", tmp_path / "log", "memory")
    resident, private = mapped_bytes((tmp_path / "out.txt").read_text(), "module.pt")

    assert 0.99 * size < resident < 1.01 * size
    assert 0 == private


def mapped_bytes(smaps: str, name: str) -> tuple[int, int]:
    """Return how much of a mapped file is in memory, and how much of that belongs to one process alone."""
    figures = {"Rss:": 0, "Anonymous:": 0}
    inside = False
    for words in map(str.split, smaps.splitlines()):
        if "-" in words[0]:  # the first line of a mapping: addresses, permissions, ..., path
            inside = words[-1].endswith(f"/{name}")
        elif inside and words[0] in figures:
            figures[words[0]] += int(words[1]) * 1024
    return figures["Rss:"], figures["Anonymous:"]

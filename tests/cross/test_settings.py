"""Threads and streams: how the best artifacts are run is tried on real runtimes, and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

import navcore as nav
from navcore.domain import Load, Status
from navcore.engine import threads

torch = pytest.importorskip("torch", reason="the model is a torch module")
pytest.importorskip("openvino", reason="streams are OpenVINO's")

PROFILE = nav.OptimizationProfile(max_batch_size=1, window_size=3, max_trials=3, concurrency=(2,))


def test_openvino_is_tried_with_streams_with_instances_and_on_fewer_threads(workspace: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(threads, "thread_counts", lambda: (1,))
    torch.manual_seed(0)
    layers = torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 8)
    package = nav.torch.optimize(
        torch.nn.Sequential(*layers).eval(),
        [torch.randn(2, 64)],
        workspace=workspace,
        runners=["TorchCPU", "OpenVINOCPU"],
        optimization_profile=PROFILE,
        target_device="cpu",
        quiet=True,
    )
    trial = next(found for found in package.status.trials if found.route == "onnx/openvino-ir")

    assert Status.OK is trial.status, trial.failure
    together = [load for load in trial.loads if load.in_flight == 2]
    assert {(1, None), (1, 2), (2, None)} == {(load.instances, load.streams) for load in together}
    assert any(note.startswith("on 1 thread ") for note in trial.runtime_notes)


def test_a_session_opens_the_model_as_it_was_found_best(workspace: Path) -> None:
    layers = torch.nn.Linear(8, 8), torch.nn.ReLU()
    package = nav.torch.optimize(
        torch.nn.Sequential(*layers).eval(),
        [torch.randn(2, 8)],
        workspace=workspace,
        runners=["OpenVINOCPU", "TorchCPU"],
        optimization_profile=attrs.evolve(PROFILE, concurrency=None),
        target_device="cpu",
        quiet=True,
    )
    (trial,) = (found for found in package.status.trials if found.status is Status.OK and found.hops)
    streams = Load(1, 1, 2, None, 1e9, 0.1, 0.2, 9, streams=2)
    told = attrs.evolve(trial, loads=(streams,))
    trials = tuple(told if found is trial else found for found in package.status.trials)
    package.status = attrs.evolve(package.status, trials=trials)

    with package.get_runner(strategy=nav.MaxThroughputStrategy()) as session:
        assert streams == session.choice.load
        assert any("for up to 2 calls at once" in note for note in session._infer.notes())  # type: ignore[union-attr]

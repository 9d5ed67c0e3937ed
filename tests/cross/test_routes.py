"""Every route from a PyTorch model, end to end, on real runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import navcore as nav
from navcore.domain import Status, TrialResult

from .conftest import QUICK

ROUTES = [
    ("torch", "TorchCPU"),
    ("torch", "TorchCompileCPU"),
    ("torchscript-trace", "TorchScriptCPU"),
    ("torchscript-trace", "TorchScriptCPU-frozen"),
    ("torchscript-trace", "TorchScriptCPU-frozen"),
    ("torch-exportedprogram", "TorchExportedProgramCPU"),
    ("torch-exportedprogram/torch-aoti", "TorchAOTInductorCPU"),
    ("torch-exportedprogram/torch-aoti", "TorchAOTInductorCPU"),
    ("onnx", "OnnxCPU"),
    ("onnx/openvino-ir", "OpenVINOCPU"),
]


REASONED = ("not-needed", "unsuited")
"""Kinds of what is not tried, because there is no point in it."""


def outputs_of(encoder: Any, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    import torch

    with torch.no_grad():
        result = encoder(**{name: torch.from_numpy(array) for name, array in feeds.items()})
    return {name: tensor.numpy() for name, tensor in result.items()}


def trial_of(package: nav.Package, route: str, runner: str) -> TrialResult:
    """The trial, or a skip where its runner says that it cannot work on this machine."""
    for omission in package.status.omissions:
        if omission.subject == runner:
            pytest.skip(f"{runner}: {omission.reason}")
    return next(trial for trial in package.status.trials if (trial.route, trial.runner) == (route, runner))


def test_exactly_the_known_routes_are_tried_or_left_out_with_a_reason(encoder_package: nav.Package) -> None:
    trials = encoder_package.status.trials
    tried = {(trial.route, trial.runner) for trial in trials if trial.failure is None}
    ours = [trial for trial in trials if "script" not in trial.route and trial.runner != "OnnxReference"]
    refused = {f"{trial.route} on {trial.runner}": trial.failure.kind for trial in ours if trial.failure}
    left_out = {omission.subject for omission in encoder_package.status.omissions if omission.reason}

    assert set() == {(route, runner) for route, runner in set(ROUTES) - tried if runner not in left_out}
    others = [trial for trial in encoder_package.status.trials if (trial.route, trial.runner) not in ROUTES]

    assert {trial.runner for trial in others if trial.status is Status.OK} <= {"OnnxReference"}
    assert [] == [trial for trial in others if trial.status is not Status.OK and not trial.failure]
    assert set(refused.values()) <= set(REASONED)


@pytest.mark.parametrize(("route", "runner"), ROUTES)
def test_a_route_gives_what_the_source_gives_at_sizes_of_its_own(
    encoder_package: nav.Package, encoder: Any, route: str, runner: str
) -> None:
    trial = trial_of(encoder_package, route, runner)
    assert Status.OK is trial.status, trial.failure

    feeds = {
        "input_ids": np.random.default_rng(0).integers(0, 50, (5, 9)),
        "attention_mask": np.ones((5, 9), np.int64),
    }
    with encoder_package.get_runner(strategy=nav.SelectedRuntimeStrategy(route, runner)) as session:
        got = session.infer(feeds)

    expected = outputs_of(encoder, feeds)
    assert set(expected) == set(got)
    for name, array in expected.items():
        np.testing.assert_allclose(got[name], array, atol=1e-4)


@pytest.mark.parametrize(("route", "runner"), ROUTES)
def test_a_route_is_measured_beside_the_source(encoder_package: nav.Package, route: str, runner: str) -> None:
    trial = trial_of(encoder_package, route, runner)

    assert [1, 2] == [found.batch_size for found in trial.measurements]
    assert ((route, runner) == ROUTES[0]) == (trial.measurements[0].ratio is None)


def test_the_signature_has_named_dimensions_that_inputs_and_outputs_share(encoder_package: nav.Package) -> None:
    signature = encoder_package.status.signature

    assert "batch" == signature.batch
    assert [
        "input_ids: int64[batch, dim_1]",
        "attention_mask: int64[batch, dim_1]",
        "last_hidden_state: float32[batch, dim_1, 32]",
        "pooler_output: float32[batch, 32]",
    ] == [str(spec) for spec in (*signature.inputs, *signature.outputs)]


def test_the_best_runtime_is_at_least_as_fast_as_the_source(encoder_package: nav.Package) -> None:
    best = encoder_package.get_best_runtime(strategy=nav.MaxThroughputStrategy())
    source = next(trial for trial in encoder_package.status.trials if trial.runner == "TorchCPU")

    top = max(found.throughput for found in source.measurements)
    tie = max(best.measurement.noise, *(found.noise for found in source.measurements), 0.005)
    assert best.trial.throughput >= top * (1 - tie)


def test_a_source_with_named_inputs_comes_back(encoder: Any, encoder_package: nav.Package, tmp_path: Path) -> None:
    file = nav.package.save(encoder_package, tmp_path / "encoder.nav")
    package = nav.package.load(file)
    package.load_source_model(encoder)

    assert encoder is package.model.object
    assert encoder_package.model.call == package.model.call


def test_the_onnx_that_was_made_is_a_source_of_its_own(encoder_package: nav.Package, workspace: Path) -> None:
    path = encoder_package.get_model_path("onnx")
    package = nav.onnx.optimize(path, workspace=workspace, optimization_profile=QUICK, quiet=True)

    assert "inputs were made from the model's signature" in package.status.notices[0]
    assert {("onnx", "OnnxCPU"): Status.OK, ("onnx/openvino-ir", "OpenVINOCPU"): Status.OK} == {
        (trial.route, trial.runner): trial.status for trial in package.status.trials if trial.runner != "OnnxReference"
    }
    ratio = package.status.trials[-1].measurements[0].ratio
    assert ratio is not None


class Many(nn.Module):
    """Several inputs, nested; several outputs, nested."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, pair: Any, *, extra: Any, scale: float = 2.0) -> Any:
        left, right = pair
        hidden = self.linear(left) + self.linear(right)
        return {"logits": hidden * scale, "parts": [hidden + extra["bias"], hidden.argmax(-1)]}


def test_nested_inputs_and_outputs_go_through_every_route(workspace: Path) -> None:
    import torch

    sample = ((torch.rand(2, 4), torch.rand(2, 4)), {"extra": {"bias": torch.rand(2, 3)}, "scale": 0.5})
    package = nav.torch.optimize(
        Many(), [sample], workspace=workspace, optimization_profile=QUICK, target_device="cpu", quiet=True
    )

    failed = {
        f"{trial.route} on {trial.runner}": trial.failure
        for trial in package.status.trials
        if trial.failure and trial.failure.kind not in REASONED and "torchscript-script" not in trial.route
    }
    assert {} == failed
    assert ("input__0", "input__1", "extra__bias") == package.status.signature.input_names
    assert ("logits", "parts__0", "parts__1") == package.status.signature.output_names


class Branching(nn.Module):
    """Takes another path for other data: what a trace cannot follow."""

    def forward(self, x: Any) -> Any:
        return x * 2 if x.sum() > 0 else x - 5


def test_a_route_that_loses_a_branch_is_caught_and_others_say_why_they_failed(workspace: Path) -> None:
    import torch

    package = nav.torch.optimize(
        Branching(),
        [torch.ones(2, 3), -torch.ones(2, 3)],
        workspace=workspace,
        optimization_profile=QUICK,
        runners=["TorchCPU", "TorchScriptCPU", "TorchExportedProgramCPU", "OnnxCPU"],
        quiet=True,
    )
    working = {trial.route for trial in package.status.trials if trial.failure is None}
    reasons = {build.route: build.failure.reason for build in package.status.builds if build.failure}

    assert {"torch"} == working - {"torchscript-script", "torchscript-script/onnx"}  # scripting follows the branch
    assert {"onnx", "onnx-trace", "torch-exportedprogram", "torchscript-trace"} <= set(reasons)
    assert "data-dependent" in reasons["torch-exportedprogram"].lower()
    assert "a branch that depends on values was frozen" in reasons["torchscript-trace"]


def test_a_broken_third_party_plugin_does_not_disturb_the_run(workspace: Path) -> None:
    import torch

    class Broken:
        __name__ = "broken"

        @nav.hookimpl
        def nav_runners(self) -> Any:
            raise OSError("out of order")

    registry = nav.load_plugins([Broken()])
    package = nav.optimize(
        nn.Linear(3, 2),
        [torch.rand(2, 3)],
        workspace=workspace,
        optimization_profile=QUICK,
        runners=["TorchCPU"],
        registry=registry,
        quiet=True,
    )

    assert not package.is_empty()
    assert "`nav_runners` failed: OSError: out of order" in [problem.reason for problem in registry.problems]


@pytest.mark.gpu
def test_every_cuda_runner_agrees_and_placement_is_cuda(workspace: Path) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("PyTorch sees no CUDA GPU on this machine")
    package = nav.optimize(
        nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4)),
        [torch.rand(4, 16)],
        workspace=workspace,
        optimization_profile=QUICK,
        target_device="cuda",
        quiet=True,
    )
    tried = {trial.runner: trial.status for trial in package.status.trials}

    assert {"TorchCUDA", "TorchScriptCUDA", "TorchExportedProgramCUDA"} <= set(tried)
    assert {Status.OK} == set(tried.values())

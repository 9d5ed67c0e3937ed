"""A second run takes from the cache what the first has built, and nothing that might be stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import navcore as nav
from navcore.domain import Status

from .conftest import QUICK

RUNNERS = ("TorchCPU", "TorchScriptCPU", "OnnxCPU", "OpenVINOCPU")


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAVCORE_CACHE_DIR", str(tmp_path / "cache"))


def net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).eval()


def run(workspace: Path, model: nn.Module, **options: Any) -> nav.Package:
    samples = [torch.linspace(-1, 1, 8).reshape(2, 4)]
    return nav.optimize(
        model,
        samples,
        workspace=workspace,
        optimization_profile=QUICK,
        target_device="cpu",
        quiet=True,
        **{"runners": RUNNERS, **options},
    )


def cached(package: nav.Package) -> dict[str, bool]:
    """Whether each artifact came from the cache; what stands in for others is not built where those are."""
    return {build.route: build.cached for build in package.status.builds if build.artifact is not None}


def test_a_second_run_builds_nothing(workspace: Path, tmp_path: Path) -> None:
    first = run(workspace, net())
    second = run(tmp_path / "other", net())

    assert {False} == set(cached(first).values())
    assert {True} == set(cached(second).values())
    assert {Status.OK} == {trial.status for trial in second.status.trials if trial.route in cached(second)}
    files = [path for path in (tmp_path / "other" / "artifacts").rglob("*") if path.is_file()]
    assert [] == [path for path in files if path.is_symlink() or path.stat().st_nlink > 1]


def test_other_weights_are_built_anew(workspace: Path) -> None:
    run(workspace, net(), runners=["TorchCPU", "OnnxCPU"])
    package = run(workspace, net(seed=1), runners=["TorchCPU", "OnnxCPU"])

    assert {False} == set(cached(package).values())
    x = np.ones((1, 4), np.float32)
    with package.get_runner(strategy=nav.SelectedRuntimeStrategy("onnx", "OnnxCPU")) as session:
        got = session.infer({"input__0": x})["output__0"]
    np.testing.assert_allclose(net(seed=1)(torch.from_numpy(x)).detach().numpy(), got, atol=1e-5)


def test_without_the_cache_everything_is_built(workspace: Path, tmp_path: Path) -> None:
    runners = ["TorchCPU", "TorchScriptCPU"]
    run(workspace, net(), cache=False, runners=runners)

    assert not (tmp_path / "cache").exists()
    assert {False} == set(cached(run(workspace, net(), cache=False, runners=runners)).values())


def test_a_failure_is_remembered_with_its_reason_and_log(workspace: Path) -> None:
    class Branching(nn.Module):
        def forward(self, x: Any) -> Any:
            return x * 2 if x.sum() > 0 else x - 5

    first = run(workspace, Branching())
    second = run(workspace, Branching())
    failures = [
        next(build.failure for build in package.status.builds if build.route == "onnx") for package in (first, second)
    ]

    assert failures[0] == failures[1]
    assert failures[1] is not None
    assert "Traceback" in (workspace / failures[1].log).read_text()


def test_a_model_that_cannot_be_told_apart_is_not_cached_but_what_is_made_from_its_files_is(workspace: Path) -> None:
    model = net()
    model.register_forward_hook(lambda *_: None)
    run(workspace, model)
    package = run(workspace, model)

    assert not cached(package)["torchscript-trace"]
    assert not cached(package)["onnx"]

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch
from torch import nn

import navcore
from nav_torch import optimize, plugin
from navcore import Format, OptimizationProfile, load_plugins
from navcore.errors import DataloaderError, UnknownNameError, UnrecognisedModelError


def test_a_module_is_optimised_end_to_end(conv_net: nn.Module, tmp_path: Path) -> None:
    package = optimize(
        conv_net,
        [torch.rand(2, 3, 8, 8)],
        target_formats=[Format.TORCHSCRIPT, Format.TORCH_EXPORTEDPROGRAM],
        runners=["TorchCPU", "TorchScriptCPU", "TorchExportedProgramCPU"],
        target_device="cpu",
        optimization_profile=OptimizationProfile(batch_sizes=[1], max_trials=3),
        workspace=tmp_path / "workspace",
        registry=load_plugins(extra=[plugin], installed=False),
        quiet=True,
    )

    routes = ("torch", "torchscript-trace", "torchscript-script", "torch-exportedprogram")

    assert {(route, "ok") for route in routes} == {(trial.route, str(trial.status)) for trial in package.status.trials}


def test_the_options_are_those_of_navcore() -> None:
    ours, theirs = (dict(inspect.signature(function).parameters) for function in (optimize, navcore.optimize))
    theirs.pop("source_format")

    assert list(theirs) == list(ours)
    assert {name: value.default for name, value in theirs.items() if name != "dataloader"} == {
        name: value.default for name, value in ours.items() if name != "dataloader"
    }


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(UnrecognisedModelError, match=r"no installed plugin recognises .* as torch"):
        optimize(len, [torch.ones(1)])


def test_a_misspelled_option_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'workspace'"):
        optimize(nn.Identity(), [torch.ones(1)], workspce="here")


class LeavesWhenTraced(nn.Module):
    """Raises what is no Exception while torch.jit.trace or torch.export runs it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if torch.jit.is_tracing() or torch.compiler.is_compiling():
            raise GeneratorExit("not under a tracer")
        return x * 2


def test_what_forward_raises_in_an_export_is_a_failed_route_whatever_it_is(tmp_path: Path) -> None:
    package = optimize(
        LeavesWhenTraced(),
        [torch.rand(2, 3)],
        target_formats=[Format.TORCHSCRIPT, Format.TORCH_EXPORTEDPROGRAM],
        target_device="cpu",
        optimization_profile=OptimizationProfile(batch_sizes=[1], max_trials=3),
        workspace=tmp_path / "workspace",
        registry=load_plugins(extra=[plugin], installed=False),
        quiet=True,
    )
    builds = {build.route: build for build in package.status.builds}

    assert all(str(build.status) == "failed" for build in builds.values())
    assert "not under a tracer" in builds["torchscript-trace"].failure.reason
    assert "ok" == str(next(trial for trial in package.status.trials if trial.runner == "TorchCPU").status)


def test_what_forward_raises_on_a_sample_is_told_whatever_it_is() -> None:
    class Leaves(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise GeneratorExit("enough")

    with pytest.raises(DataloaderError, match=r"refuses .*: GeneratorExit: enough"):
        optimize(Leaves(), [torch.ones(2, 3)])

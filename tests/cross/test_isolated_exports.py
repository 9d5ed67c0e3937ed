"""Exports in a worker, where the user wants that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import nn

import navcore as nav
from navcore.domain import BuildResult, Status

from .conftest import QUICK


def builds(package: nav.Package) -> dict[str, BuildResult]:
    return {build.route: build for build in package.status.builds}


def made(package: nav.Package) -> set[str]:
    """The routes that were built; what stands in for them was not."""
    return {route for route, build in builds(package).items() if build.status is Status.OK}


def test_isolated_exports_give_the_same_artifacts(encoder: Any, encoder_samples: Any, workspace: Path) -> None:
    package = nav.torch.optimize(
        encoder,
        encoder_samples,
        workspace=workspace,
        optimization_profile=QUICK,
        isolate_exports=True,
        cache=False,
        target_device="cpu",
        runners=["TorchCPU", "OnnxCPU", "TorchScriptCPU", "TorchExportedProgramCPU", "OpenVINOCPU"],
        quiet=True,
    )

    assert {"torchscript-trace", "torch-exportedprogram", "onnx", "onnx/openvino-ir"} <= made(package)
    assert {"OnnxCPU", "TorchScriptCPU", "TorchExportedProgramCPU", "OpenVINOCPU"} <= {
        trial.runner for trial in package.status.trials if trial.status is Status.OK
    }


def test_an_export_that_kills_its_process_costs_its_route_only(tmp_path: Path, monkeypatch: Any) -> None:
    torch = pytest.importorskip("torch")
    (tmp_path / "deadly.py").write_text(
        "import os, torch\n"
        "class Deadly(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        if torch.jit.is_tracing():\n"
        "            os._exit(3)\n"
        "        return x * 2\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    from deadly import Deadly as Portable  # type: ignore[import-not-found]

    package = nav.torch.optimize(
        Portable(),
        [torch.ones(2, 3)],
        workspace=tmp_path / "w",
        optimization_profile=QUICK,
        isolate_exports=True,
        cache=False,
        runners=["TorchCPU", "TorchScriptCPU", "TorchExportedProgramCPU"],
        quiet=True,
    )
    failure = builds(package)["torchscript-trace"].failure

    assert failure is not None
    assert ("crash", "the worker exited with status 3 during torchscript-trace") == (failure.kind, failure.reason)
    assert Status.OK is builds(package)["torch-exportedprogram"].status


def test_a_model_that_cannot_be_handed_over_is_exported_in_this_process(workspace: Path) -> None:
    torch = pytest.importorskip("torch")
    model = nn.Linear(3, 2)
    model.register_forward_hook(lambda *_: None)
    package = nav.torch.optimize(
        model,
        [torch.ones(2, 3)],
        workspace=workspace,
        optimization_profile=QUICK,
        isolate_exports=True,
        cache=False,
        runners=["TorchCPU", "TorchScriptCPU"],
        quiet=True,
    )

    assert "torchscript-trace" in made(package)

"""A session that nobody closes ends with the interpreter, which then says nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import navcore as nav

torch = pytest.importorskip("torch", reason="needs nav-torch: pip install torch")
pytest.importorskip("onnxruntime", reason="needs ONNX Runtime: pip install nav-onnx[cpu]")
pytest.importorskip("openvino", reason="needs OpenVINO: pip install nav-openvino")

SCRIPT = """
import builtins, sys
import numpy as np, torch
import navcore as nav

_, path, route, runner = sys.argv
package = nav.package.load_from_workspace(path)
torch.manual_seed(0)
package.load_source_model(torch.nn.Linear(3, 2).eval())
session = package.get_runner(strategy=nav.SelectedRuntimeStrategy(route, runner))
session.activate()
print(session.infer({"input__0": np.ones((2, 3), np.float32)})["output__0"].shape)
builtins.left_active = session  # so that it goes after the modules, as what is in a cycle does
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("left-active")
    torch.manual_seed(0)
    nav.optimize(
        torch.nn.Linear(3, 2).eval(),
        [torch.ones(2, 3)],
        target_device="cpu",
        target_formats=[nav.Format.ONNX, nav.Format.OPENVINO_IR],
        runners=["TorchCPU", "OnnxCPU", "OpenVINOCPU"],
        optimization_profile=nav.OptimizationProfile(batch_sizes=[1], max_trials=3),
        workspace=folder / "workspace",
        quiet=True,
    )
    return folder / "workspace"


@pytest.mark.parametrize(
    ("route", "runner"), [("torch", "TorchCPU"), ("onnx", "OnnxCPU"), ("onnx/openvino-ir", "OpenVINOCPU")]
)
def test_a_session_that_is_left_active_ends_without_a_word(workspace: Path, route: str, runner: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(workspace), route, runner],
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == ended.returncode, ended.stderr
    assert "(2, 2)" == ended.stdout.strip()
    assert "" == ended.stderr

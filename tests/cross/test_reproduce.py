"""Scripts that redo a step of real tools outside the engine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from navcore.contracts import Edge, Model, Runner, Tensors
from navcore.domain import BuildResult, DeviceKind, Status, TrialResult
from navcore.engine.reference import reference_of
from navcore.formats import Format
from navcore.plugins import load_plugins
from navcore.registry import Registry
from navcore.store.reproduce import write_build_script, write_trial_script
from navcore.store.samples import write_samples
from navcore.store.workspace import Workspace

NET = """
import torch

def make():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU()).eval()
"""


def output_of(script: Path, tmp: Path) -> str:
    path = os.pathsep.join(each for each in sys.path if each)
    environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp), "CI": "true"}
    result = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, env=environment, cwd="/"
    )

    assert 0 == result.returncode, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins()


@pytest.fixture
def described(tmp_path: Path, registry: Registry) -> tuple[Model, list[tuple[Tensors, Tensors]]]:
    """A torch model that comes from a file, described, with its samples and reference outputs."""
    torch = pytest.importorskip("torch", reason="needs nav-torch: pip install torch")
    from navcore.domain import Request
    from navcore.engine.describe import describe
    from navcore.engine.recognise import recognise

    (tmp_path / "net.py").write_text(NET)
    names: dict[str, Any] = {}
    exec(NET, names)
    batches = [torch.ones(2, 3), torch.arange(9.0).reshape(3, 3)]
    model = names["make"]()
    source = describe(model, batches, recognise(model, registry), Request())
    return source.model, [(sample.inputs, sample.outputs) for sample in source.samples]


def tool_of(registry: Registry, name: str, source: Format | None = None) -> Any:
    for tool in (*registry.edges, *registry.runners):
        if tool.name == name and source in (None, getattr(tool, "source", None)):
            if missing := tool.unavailable():
                pytest.skip(f"{name}: {missing}")
            return tool
    pytest.skip(f"{name} is not installed")


def test_export_conversion_and_trials_are_redone_from_their_scripts(
    tmp_path: Path, registry: Registry, described: tuple[Model, list[tuple[Tensors, Tensors]]]
) -> None:
    model, samples = described
    export: Edge = tool_of(registry, "onnx", Format.TORCH)
    convert: Edge = tool_of(registry, "openvino-ir", Format.ONNX)
    runner: Runner = tool_of(registry, "OnnxCPU")
    space = Workspace(tmp_path / "w")
    count = write_samples(space, model.signature, samples)
    built = BuildResult("onnx", "onnx", Status.OK, 1.0)
    script = write_build_script(
        space,
        built,
        reference_of(export),
        model,
        Format.ONNX,
        samples=count,
        model_reference=f"{tmp_path}/net.py:make",
    )
    exported = output_of(script, tmp_path)
    made = Path(exported.split(" in ")[0].removeprefix("wrote "))
    made.parent.rename(space.artifact_folder("onnx"))
    artifact = Model(format=Format.ONNX, signature=model.signature, path=space.artifact_folder("onnx") / made.name)

    converted = output_of(
        write_build_script(
            space,
            BuildResult("onnx/openvino-ir", "openvino-ir", Status.OK, 1.0),
            reference_of(convert),
            artifact,
            Format.OPENVINO_IR,
            samples=count,
        ),
        tmp_path,
    )
    tried = output_of(
        write_trial_script(
            space,
            TrialResult("onnx", Format.ONNX, "OnnxCPU", 1, Status.OK),
            reference_of(runner),
            artifact,
            DeviceKind.CPU,
            samples=count,
        ),
        tmp_path,
    )
    differences = [float(line.rsplit(" ", 1)[1]) for line in tried.splitlines() if line.startswith("sample ")]

    assert "input__0: float32['batch', 3]" in converted
    assert Path(converted.split(" in ")[0].removeprefix("wrote ")).with_suffix(".bin").exists()
    assert count == len(differences)
    assert np.max(differences) < 1e-5
    assert "10 calls of the last sample: median " in tried

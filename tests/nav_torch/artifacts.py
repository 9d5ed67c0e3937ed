"""What tests of exporters and converters share: write an artifact, move it, run it, compare it with its source."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from nav_torch import plugin
from nav_torch.infer import infer_live
from navcore.contracts import Edge, Infer, Model, Tensors
from navcore.domain import DeviceKind
from navcore.formats import Format


def written(edge: Edge, source: Model, folder: Path) -> Model:
    """What the edge writes, in another folder than it wrote to, as the engine moves it."""
    folder.mkdir(parents=True)
    out = folder / f"model{edge.target.suffix}"
    signature = edge.write(source, out)
    moved = shutil.move(folder, folder.with_name(f"{folder.name}-moved"))
    return Model(format=edge.target, signature=signature, path=Path(moved) / out.name, examples=source.examples)


def run(model: Model, inputs: Tensors) -> Tensors:
    """Outputs on the plainest runner for the CPU."""
    if model.format == Format.ONNX:
        return run_onnx(model, inputs)
    runners = [each for each in plugin.nav_runners() if each.accepts == model.format and DeviceKind.CPU in each.devices]
    runner = min(runners, key=lambda each: len(each.name))
    with runner.open(model, DeviceKind.CPU) as infer:
        return infer(inputs)


def run_onnx(model: Model, inputs: Tensors) -> Tensors:
    """Outputs of ONNX Runtime."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(model.path)
    return dict(zip(model.signature.output_names, session.run(model.signature.output_names, dict(inputs)), strict=True))


def reference(model: Model) -> Infer:
    """The live module as a callable."""
    return infer_live(model.object, model.call, torch.device("cpu"))


def check(artifact: Model, source: Model, tensors: dict[str, Any]) -> None:
    """Compare names, numbers and dtypes of the outputs for some inputs."""
    inputs = {name: np.asarray(value) for name, value in tensors.items()}
    expected, got = reference(source)(inputs), run(artifact, inputs)

    assert list(expected) == list(got)
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-4, atol=1e-5, err_msg=name)
        assert expected[name].dtype == got[name].dtype


def declared(path: Path) -> dict[str, list[Any]]:
    """The shapes of inputs and outputs that an ONNX file declares."""
    graph = onnx.load(path).graph
    return {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }

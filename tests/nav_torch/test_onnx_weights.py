"""ONNX of the older exporter with its weights in a second file: the same model, written without copies of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from nav_torch.convert_torchscript_onnx import TorchScriptOnnxConverter
from nav_torch.export_error import ExportError
from nav_torch.export_onnx_trace import OnnxTraceExporter
from nav_torch.export_torchscript import TorchScriptExporter
from nav_torch.onnx_weights import put_weights
from navcore.contracts import Model

from .artifacts import check, written

LITTLE = 100_000
"""Less than the weights of the layers, and more than the file without them."""


class Layers(nn.Module):
    """Weights that are tied, scalar, of other dtypes, equal to others, used twice, not saved, and not used."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5000, 8)
        self.linear = nn.Linear(8, 8)
        self.norm = nn.BatchNorm1d(8)
        self.recurrent = nn.LSTM(8, 4, batch_first=True)
        self.conv = nn.Conv2d(1, 1, 3, padding=1)
        self.head = nn.Linear(8, 5000, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("scale", torch.tensor(2.0))
        self.register_buffer("shift", torch.arange(8))
        self.register_buffer("mask", torch.arange(8) > 2, persistent=False)
        self.register_buffer("unused", torch.ones(5))

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.conv(self.embedding(ids).unsqueeze(1)).squeeze(1)
        hidden = self.norm((self.linear(hidden) * self.scale + self.shift).transpose(1, 2)).transpose(1, 2)
        states, _ = self.recurrent(hidden * self.mask)
        return self.head(hidden), states


@pytest.fixture
def layers(model_of: Callable[..., Model]) -> Model:
    torch.manual_seed(0)
    return model_of(Layers().eval(), [torch.randint(0, 50, (2, 5)), torch.randint(0, 50, (3, 7))])


def check_weights_beside(artifact: Model, source: Model) -> None:
    assert artifact.path is not None
    initializers = onnx.load(artifact.path, load_external_data=False).graph.initializer
    beside = {each.name for each in initializers if each.data_location == onnx.TensorProto.EXTERNAL}

    assert {"module.embedding.weight", "module.conv.weight"} <= beside
    for shape in ((2, 5), (1, 3), (4, 6)):
        check(artifact, source, {"input__0": torch.randint(0, 50, shape)})


def test_an_export_with_weights_beside_it_is_the_same_model(layers: Model, tmp_path: Path) -> None:
    check_weights_beside(written(OnnxTraceExporter(most_embedded_bytes=LITTLE), layers, tmp_path / "a"), layers)


def test_so_is_what_is_made_of_torchscript(layers: Model, tmp_path: Path) -> None:
    script = written(TorchScriptExporter(), layers, tmp_path / "script")
    check_weights_beside(written(TorchScriptOnnxConverter(most_embedded_bytes=LITTLE), script, tmp_path / "a"), layers)


def test_an_input_that_is_no_weight_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    inputs = [onnx.helper.make_tensor_value_info(name, 1, [2]) for name in ("x", "w")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Add", ["x", "w"], ["y"])], "g", inputs, inputs[:0])
    onnx.save_model(onnx.helper.make_model(graph), path)

    with pytest.raises(ExportError, match="the exporter made an input of w, which is none"):
        put_weights(path, {}, ["x"])

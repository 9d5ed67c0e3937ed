"""ONNX from exported programs and from TorchScript, which stand in where the module itself cannot be exported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import nn

from nav_torch.convert_exportedprogram_onnx import ExportedProgramOnnxConverter
from nav_torch.convert_torchscript_onnx import TorchScriptOnnxConverter
from nav_torch.export_exportedprogram import ExportedProgramExporter
from nav_torch.export_onnx import OnnxExporter
from nav_torch.export_onnx_trace import OnnxTraceExporter
from nav_torch.export_torchscript import TorchScriptExporter
from nav_torch.jit_type import JitType
from navcore.contracts import Model
from navcore.domain import Range

from .artifacts import check, declared, written
from .models_with_limits import Branch, Positions

FROM_PROGRAM, FROM_SCRIPT = ExportedProgramOnnxConverter(), TorchScriptOnnxConverter()


def test_both_stand_in_for_the_exporter() -> None:
    assert [("onnx", True)] * 2 == [(tool.name, tool.fallback) for tool in (FROM_PROGRAM, FROM_SCRIPT)]
    assert ["", "torch.onnx.export(dynamo=False) is deprecated since PyTorch 2.9"] == [
        tool.deprecated for tool in (FROM_PROGRAM, FROM_SCRIPT)
    ]


@pytest.mark.parametrize(
    "tools",
    [
        (OnnxExporter(),),
        (OnnxTraceExporter(),),
        (ExportedProgramExporter(), FROM_PROGRAM),
        (TorchScriptExporter(), FROM_SCRIPT),
    ],
    ids=lambda tools: "/".join(tool.name for tool in tools),
)
@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_a_gelu_is_one_operator(
    tools: tuple[Any, ...], approximate: str, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.GELU(approximate=approximate), nn.Linear(8, 3)).eval()
    source = made = model_of(net, [torch.rand(2, 4)])
    for tool in tools:
        made = written(tool, made, tmp_path / tool.name)
    (gelu,) = (node for node in onnx.load(made.path).graph.node if "Gelu" in node.op_type)

    assert [approximate.encode()] == [each.s for each in gelu.attribute]
    check(made, source, {"input__0": 4 * torch.randn(3, 4)})


def test_a_program_keeps_its_names_its_ranges_and_its_unused_inputs(
    model_of: Callable[..., Model], tmp_path: Path
) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.positions = Positions()

        def forward(self, x, unused):
            return {"y": self.positions(x), "flat": x.reshape(-1)}

    samples = [(torch.rand(2, length, 4), torch.rand(2, 3)) for length in (5, 9)]
    model = model_of(Net().eval(), samples)
    program = written(ExportedProgramExporter(), model, tmp_path / "program")
    artifact = written(FROM_PROGRAM, program, tmp_path / "onnx")

    assert (Range("dim_1", 1, 16),) == artifact.signature.ranges
    assert {
        "input__0": ["batch", "dim_1", 4],
        "input__1": ["batch", 3],
        "y": ["batch", "dim_1", 4],
        "flat": ["dim_0"],
    } == declared(artifact.path)
    assert 10 == onnx.load(artifact.path).ir_version
    for batch, length in ((1, 1), (3, 16)):
        check(artifact, model, {"input__0": torch.rand(batch, length, 4), "input__1": torch.rand(batch, 3)})


def test_a_branch_in_torchscript_becomes_one_in_onnx(model_of: Callable[..., Model], tmp_path: Path) -> None:
    model = model_of(Branch(), [torch.ones(2, 3)])
    script = written(TorchScriptExporter(jit_type=JitType.SCRIPT), model, tmp_path / "script")
    artifact = written(FROM_SCRIPT, script, tmp_path / "onnx")

    assert "If" in {node.op_type for node in onnx.load(artifact.path).graph.node}
    for inputs in (torch.ones(2, 3), -torch.ones(5, 3)):
        check(artifact, model, {"input__0": inputs})


def test_a_trace_keeps_unused_inputs(model_of: Callable[..., Model], tmp_path: Path) -> None:
    class Unused(nn.Module):
        def forward(self, x, unused):
            return x * 2

    model = model_of(Unused(), [(torch.rand(2, 3), torch.arange(2))])
    artifact = written(FROM_SCRIPT, written(TorchScriptExporter(), model, tmp_path / "script"), tmp_path / "onnx")

    assert {"input__0": ["batch", 3], "input__1": ["batch"], "output__0": ["batch", 3]} == declared(artifact.path)
    check(artifact, model, {"input__0": torch.rand(4, 3), "input__1": torch.arange(4)})


@pytest.mark.parametrize("tool", [FROM_PROGRAM, FROM_SCRIPT], ids=lambda tool: tool.source.name)
def test_options_are_those_of_the_exporters(tool: type, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="opset=24: give a version from "):
        type(tool)(opset=24)

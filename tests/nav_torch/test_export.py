"""Each exporter with each runner of what it writes: same names and numbers as the source, also at other sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from nav_torch.export_error import ExportError
from nav_torch.export_exportedprogram import ExportedProgramExporter
from nav_torch.export_onnx import OnnxExporter
from nav_torch.export_onnx_trace import OnnxTraceExporter
from nav_torch.export_torchscript import TorchScriptExporter
from nav_torch.run_torch import TorchRunner
from navcore.contracts import Exporter, Model
from navcore.domain import DeviceKind

from .artifacts import check, declared, written

EXPORTERS = [TorchScriptExporter(), ExportedProgramExporter(), OnnxExporter(), OnnxTraceExporter()]
ROUTES = pytest.mark.parametrize("exporter", EXPORTERS, ids=lambda exporter: exporter.name)


def exported(exporter: Exporter, model: Model, folder: Path, others: list[dict[str, Any]]) -> Model:
    """What the exporter writes, after it was compared on the example and at other sizes."""
    artifact = written(exporter, model, folder)

    assert model.signature.input_names == artifact.signature.input_names
    assert model.signature.output_names == artifact.signature.output_names
    for tensors in [dict(model.examples[0]), *others]:
        check(artifact, model, tensors)
    return artifact


@ROUTES
def test_a_conv_net_at_other_batch_sizes(
    exporter: Exporter, conv_net: nn.Module, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(conv_net, [torch.rand(2, 3, 8, 8)])
    exported(exporter, model, tmp_path / "a", [{"input__0": torch.rand(size, 3, 8, 8)} for size in (1, 5)])


@ROUTES
def test_a_dict_in_and_nested_outputs_out(
    exporter: Exporter, dict_mlp: nn.Module, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    def batch(size: int) -> dict[str, torch.Tensor]:
        return {"dense": torch.rand(size, 4), "ids": torch.arange(size) % 7}

    model = model_of(dict_mlp, [({**batch(2)}, {"scale": 2.0})])
    artifact = exported(exporter, model, tmp_path / "a", [batch(1), batch(4)])

    assert ("dense", "ids") == artifact.signature.input_names
    assert ("score", "parts__0", "parts__1__passed", "again") == artifact.signature.output_names


@ROUTES
def test_two_inputs_at_sizes_that_were_not_exported(
    exporter: Exporter, two_inputs: nn.Module, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    def sample(size: int, queries: int, keys: int) -> dict[str, torch.Tensor]:
        return {"query": torch.rand(size, queries, 4), "key": torch.rand(size, keys, 4)}

    model = model_of(two_inputs, [sample(2, 3, 5), sample(2, 6, 7)])
    exported(exporter, model, tmp_path / "a", [sample(1, 3, 5), sample(3, 9, 2), sample(4, 5, 5)])


@ROUTES
def test_unused_inputs_and_outputs_that_are_parameters(
    exporter: Exporter, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.rand(3))

        def forward(self, x, unused):
            return {"weight": self.weight, "x": x, "constant": torch.ones(2), "view": x.view(-1)}

    exported(exporter, model_of(Odd().eval(), [(torch.rand(2, 3), torch.rand(2, 4))]), tmp_path / "a", [])


def test_the_onnx_file_has_the_signatures_names_and_an_old_ir_version(
    two_inputs: nn.Module, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    samples = [{"query": torch.rand(2, q, 4), "key": torch.rand(2, k, 4)} for q, k in ((3, 5), (6, 7))]
    artifact = written(OnnxExporter(), model_of(two_inputs, samples), tmp_path / "a")
    proto = onnx.load(artifact.path)

    assert 10 == proto.ir_version
    assert [20] == [opset.version for opset in proto.opset_import if opset.domain == ""]
    assert ["model.onnx"] == [path.name for path in artifact.path.parent.iterdir()]
    assert {
        "query": ["batch", "dim_1", 4],
        "key": ["batch", "key_dim_1", 4],
        "output__0": ["batch", "dim_1", 4],
        "output__1": ["batch", "dim_1", "key_dim_1"],
    } == declared(artifact.path)


@pytest.mark.parametrize("opset", [18, 23])
def test_another_opset_can_be_asked_for(
    opset: int, conv_net: nn.Module, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    artifact = written(OnnxExporter(opset=opset), model_of(conv_net, [torch.rand(2, 3, 4, 4)]), tmp_path / "a")

    assert [opset] == [opset.version for opset in onnx.load(artifact.path).opset_import if opset.domain == ""]


def test_large_weights_go_into_a_second_file(
    conv_net: nn.Module, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(conv_net, [torch.rand(2, 3, 8, 8)])
    artifact = exported(OnnxExporter(most_embedded_bytes=100), model, tmp_path / "a", [])

    assert ["model.onnx", "model.onnx.data"] == sorted(path.name for path in artifact.path.parent.iterdir())


@pytest.mark.parametrize("opset", [17, 24, "18"])
def test_an_opset_that_cannot_be_written_is_refused(opset: Any) -> None:
    with pytest.raises(ValueError, match=rf"opset={opset!r}: give a version from 18 to 23"):
        OnnxExporter(opset=opset)


@pytest.mark.parametrize("exporter", EXPORTERS[1:3], ids=lambda exporter: exporter.name)
def test_weights_that_were_made_in_inference_mode_fail_with_a_fix(
    exporter: Exporter, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    with torch.inference_mode():
        module = nn.Linear(4, 3).eval()
    with pytest.raises(ExportError, match=r"on inference tensor .*\n.* outside of torch\.inference_mode\(\)"):
        exporter.write(model_of(module, [torch.rand(2, 4)]), tmp_path / "model")


@pytest.mark.parametrize("exporter", EXPORTERS[1:3], ids=lambda exporter: exporter.name)
def test_a_branch_on_data_fails_with_its_reason_and_a_fix(
    exporter: Exporter, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    class Branch(nn.Module):
        def forward(self, x):
            return x * 2 if x.sum() > 0 else x * 3

    with pytest.raises(
        ExportError, match="failed: GuardOnDataDependentSymNode: Could not guard on data-dependent"
    ) as caught:
        exporter.write(model_of(Branch(), [torch.ones(2, 2)]), tmp_path / f"model{exporter.target.suffix}")
    assert "replace branches on values of tensors in forward by torch.where or torch.cond" == caught.value.fix


@pytest.mark.parametrize("exporter", EXPORTERS[1:3], ids=lambda exporter: exporter.name)
@pytest.mark.filterwarnings("ignore")
def test_a_script_module_fails_with_the_advice_to_give_what_it_was_made_from(
    exporter: Exporter, conv_net: nn.Module, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(torch.jit.script(conv_net), [torch.rand(2, 3, 8, 8)])

    with pytest.raises(ExportError, match=r"export cannot follow ConvNet, which is TorchScript: TypeError: ") as caught:
        exporter.write(model, tmp_path / f"model{exporter.target.suffix}")
    assert (
        "give the nn.Module that it was scripted or traced from; or keep to target_formats=['torchscript']"
        == caught.value.fix
    )


@pytest.mark.filterwarnings("ignore")
def test_a_script_module_becomes_torchscript(
    conv_net: nn.Module, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(torch.jit.script(conv_net), [torch.rand(2, 3, 8, 8)])
    exported(EXPORTERS[0], model, tmp_path / "a", [{"input__0": torch.rand(5, 3, 8, 8)}])


def test_outputs_belong_to_the_caller(model_of: Callable[..., Model]) -> None:
    class Buffer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("result", torch.zeros(2, 2))

        def forward(self, x):
            return self.result.copy_(x)

    model = model_of(Buffer(), [torch.ones(2, 2)], batching=False)
    with TorchRunner(name="TorchCPU", devices=(DeviceKind.CPU,)).open(model, DeviceKind.CPU) as infer:
        first = infer({"input__0": np.ones((2, 2), np.float32)})
        infer({"input__0": np.zeros((2, 2), np.float32)})

    assert [[1.0, 1.0], [1.0, 1.0]] == first["output__0"].tolist()

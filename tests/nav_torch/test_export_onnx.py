"""Both ONNX exporters: what they declare, what they keep, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from nav_torch import export_onnx_trace
from nav_torch.export_error import ExportError
from nav_torch.export_onnx import OnnxExporter
from nav_torch.export_onnx_file import OnnxFileExporter
from nav_torch.export_onnx_trace import OnnxTraceExporter
from navcore.contracts import Model, Names
from navcore.domain import Range

from .artifacts import check, declared, run, written
from .models_with_limits import Branch, Recurrent, Rows, Single, UNetLike

DYNAMO, TRACE = OnnxExporter(), OnnxTraceExporter()
BOTH = pytest.mark.parametrize("exporter", [DYNAMO, TRACE], ids=lambda exporter: exporter.name)


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor, unused: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"y": self.linear(x), "twice": torch.cat([x, x])}


def test_the_older_exporter_stands_in_and_says_that_it_is_about_to_go() -> None:
    assert ("dynamo", False, "") == (DYNAMO.engine, DYNAMO.fallback, DYNAMO.deprecated)
    assert ("trace", True, "torch.onnx.export(dynamo=False) is deprecated since PyTorch 2.9") == (
        TRACE.engine,
        TRACE.fallback,
        TRACE.deprecated,
    )


@BOTH
def test_unused_inputs_stay_and_dimensions_have_the_signatures_names(
    exporter: Any, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(Unused().eval(), [(torch.rand(2, 4), torch.rand(2, 5))])
    artifact = written(exporter, model, tmp_path / "a")

    assert {
        "input__0": ["batch", 4],
        "input__1": ["batch", 5],
        "y": ["batch", 3],
        "twice": ["dim_0", 4],
    } == declared(artifact.path)
    assert 10 >= onnx.load(artifact.path).ir_version
    for batch in (1, 3):
        check(artifact, model, {"input__0": torch.rand(batch, 4), "input__1": torch.rand(batch, 5)})


@BOTH
def test_a_file_that_is_wrong_for_one_row_is_good_from_two(
    exporter: Any, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    artifact = written(exporter, model_of(Single(), [torch.rand(2, 3)]), tmp_path / "a")

    assert (Range("batch", 2),) == artifact.signature.ranges
    assert 3.0 == run(artifact, {"input__0": np.ones((1, 3), np.float32)})["output__0"].max()


def test_the_range_that_torch_found_holds_for_the_file(model_of: Callable[..., Model], tmp_path: Path) -> None:
    model = model_of(UNetLike().eval(), [torch.rand(2, 3, 8, 8)])
    artifact = written(DYNAMO, model, tmp_path / "a")

    (found,) = artifact.signature.ranges
    assert ("batch", 63) == (found.dimension, found.largest)
    assert 1 in found  # torch says 0 or 1 by what else the graph was made for
    for batch in (1, 63):
        check(artifact, model, {"input__0": torch.rand(batch, 3, 8, 8)})


@pytest.mark.parametrize(
    ("exporter", "reason"),
    [
        (DYNAMO, "torch.onnx.export found that forward makes it a constant"),
        (TRACE, "at 5 output__0 is [2, 3] in place of [5, 3]"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_batch_that_was_baked_in_is_named(
    exporter: Any, reason: str, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    with pytest.raises(ExportError) as caught:
        exporter.write(model_of(Rows(), [torch.rand(2, 3)]), tmp_path / "model.onnx")

    assert f"batch size 2 was baked in: {reason}" == caught.value.cause


@pytest.mark.parametrize("exporter", [OnnxExporter(), OnnxTraceExporter()], ids=lambda exporter: exporter.name)
def test_names_of_the_users_may_be_those_of_operators_and_weights(
    exporter: Any, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x, y):
            hidden = torch.relu(self.layer(x))
            return {"linear": hidden, "relu": self.layer(y).mean(1), "module.layer.bias": x + y}

    names = Names(("module.layer.weight", "add"), ())
    model = model_of(Net().eval(), [(torch.rand(2, 3), torch.rand(2, 3))], names=names)
    artifact = written(exporter, model, tmp_path / "a")

    assert ("linear", "relu", "module.layer.bias") == artifact.signature.output_names
    check(artifact, model, {"module.layer.weight": torch.rand(4, 3), "add": torch.rand(4, 3)})


def test_the_older_exporter_writes_a_recurrence_of_any_length(model_of: Callable[..., Model], tmp_path: Path) -> None:
    model = model_of(Recurrent().eval(), [torch.rand(2, 5, 4), torch.rand(2, 9, 4)])
    with pytest.raises(ExportError, match="dim_1 size 5 was baked in"):
        DYNAMO.write(model, tmp_path / "model.onnx")

    artifact = written(TRACE, model, tmp_path / "a")
    for size in ((1, 1, 4), (3, 12, 4)):
        check(artifact, model, {"input__0": torch.rand(size)})


def test_the_older_exporter_freezes_no_branch_silently(model_of: Callable[..., Model], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="a branch that depends on values was frozen"):
        TRACE.write(model_of(Branch(), [torch.ones(2, 3)]), tmp_path / "model.onnx")


@BOTH
def test_axes_that_the_user_names_vary_too(exporter: Any, model_of: Callable[..., Model], tmp_path: Path) -> None:
    asked = type(exporter)(dynamic_axes=(("input__0", ((0, "rows"), (2, "width"))), ("output__0", ((0, "rows"),))))
    artifact = written(asked, model_of(nn.ReLU(), [torch.rand(2, 3, 8)]), tmp_path / "a")

    assert ["batch", 3, "width"] == declared(artifact.path)["input__0"]
    assert (1, 3, 5) == run(artifact, {"input__0": np.ones((1, 3, 5), np.float32)})["output__0"].shape


def test_an_axis_that_the_user_names_and_the_model_fixes_is_told(
    model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(nn.Linear(4, 3).eval(), [torch.rand(2, 4)])
    with pytest.raises(ExportError, match=r"^axis 1 of input__0, size 4, was baked in: .*\n.* out of dynamic_axes"):
        OnnxExporter(dynamic_axes=(("input__0", ((1, "width"),)),)).write(model, tmp_path / "model.onnx")


@pytest.mark.parametrize("axes", [(("x", ((0, "rows"),)),), (("input__0", ((3, "width"),)),)])
@BOTH
def test_axes_that_the_model_does_not_have_are_refused(
    exporter: Any, axes: Any, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(nn.ReLU(), [torch.rand(2, 3, 8)])
    with pytest.raises(ExportError, match=r"dynamic_axes has \w+: \{.*\}, and the model has input__0: float32\[batch"):
        type(exporter)(dynamic_axes=axes).write(model, tmp_path / "model.onnx")


@pytest.mark.parametrize("opset", [9, 13, 20])
def test_the_older_exporter_writes_older_opsets(opset: int, model_of: Callable[..., Model], tmp_path: Path) -> None:
    model = model_of(nn.Linear(4, 3).eval(), [torch.rand(2, 4)])
    artifact = written(OnnxTraceExporter(opset=opset), model, tmp_path / "a")

    assert [opset] == [each.version for each in onnx.load(artifact.path).opset_import]
    check(artifact, model, {"input__0": torch.rand(3, 4)})


@pytest.mark.parametrize("opset", [8, 21, True, "18"])
def test_an_opset_that_the_older_exporter_does_not_write_is_refused(opset: Any) -> None:
    with pytest.raises(ValueError, match=rf"opset={opset!r}: give a version from 9 to 20"):
        OnnxTraceExporter(opset=opset)


def test_the_older_exporter_keeps_large_weights_in_a_second_file(
    conv_net: nn.Module, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(conv_net, [torch.rand(2, 3, 8, 8)])
    artifact = written(OnnxTraceExporter(most_embedded_bytes=100), model, tmp_path / "a")

    assert ["model.onnx", "model.onnx.data"] == sorted(path.name for path in artifact.path.parent.iterdir())
    check(artifact, model, {"input__0": torch.rand(3, 3, 8, 8)})


@BOTH
def test_further_arguments_go_to_torch(exporter: Any, model_of: Callable[..., Model], tmp_path: Path) -> None:
    model = model_of(nn.Linear(4, 3).eval(), [torch.rand(2, 4)])
    with pytest.raises(
        ExportError, match=r"torch\.onnx\.export.* failed: TypeError: .*'nonsense'\n.*of custom_args, or"
    ):
        type(exporter)(custom_args=(("nonsense", 1),)).write(model, tmp_path / "model.onnx")
    with pytest.raises(ExportError, match=r"TypeError: .*'dynamo'\n.*leave it out of custom_args: the exporter itself"):
        type(exporter)(custom_args=(("dynamo", True),)).write(model, tmp_path / "model.onnx")


@BOTH
def test_a_file_can_stand_in(exporter: Any, tmp_path: Path) -> None:
    onnx.save(_doubling([2, 3], [2, 3]), tmp_path / "mine.onnx")

    assert isinstance(exporter.from_file(str(tmp_path / "mine.onnx")), OnnxFileExporter)


def test_a_torch_without_the_older_exporter_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TRACE.unavailable() is None

    monkeypatch.setattr(export_onnx_trace, "_has_older_one", lambda: False)
    assert f"PyTorch {torch.__version__} has no ONNX exporter that traces" in str(TRACE.unavailable())


def _doubling(given: list[Any], result: list[Any]) -> onnx.ModelProto:
    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "doubling",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, result)],
    )
    return helper.make_model(graph, ir_version=12, opset_imports=[helper.make_opsetid("", 18)])

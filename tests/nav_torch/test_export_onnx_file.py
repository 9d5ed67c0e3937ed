"""An ONNX file of the user's in place of an export."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from nav_torch.export_error import ExportError
from nav_torch.export_onnx_file import OnnxFileExporter
from navcore.contracts import Model
from navcore.engine.reference import reference_of, tool_from
from navcore.errors import ModelFileError


@dataclasses.dataclass
class Mine:
    """A file that multiplies by a matrix, and its module."""

    path: Path
    module: nn.Module


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Mine]:
    """Write a file: `write(inputs=..., outputs=..., location=...)`."""

    def make(given: str = "input__0", result: str = "output__0", location: str = "") -> Mine:
        torch.manual_seed(0)
        module = nn.Linear(3, 2, bias=False).eval()
        folder = tmp_path / "mine"
        folder.mkdir(exist_ok=True)
        weights = numpy_helper.from_array(module.weight.detach().numpy().T.copy(), "weights")
        graph = helper.make_graph(
            [helper.make_node("MatMul", [given, "weights"], [result])],
            "mine",
            [helper.make_tensor_value_info(given, TensorProto.FLOAT, ["batch", 3])],
            [helper.make_tensor_value_info(result, TensorProto.FLOAT, ["batch", 2])],
            [weights],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        if location:
            (folder / location).parent.mkdir(parents=True, exist_ok=True)
            onnx.external_data_helper.convert_model_to_external_data(model, location=location, size_threshold=0)
        onnx.save_model(model, folder / "mine.onnx")
        return Mine(folder / "mine.onnx", module)

    return make


def _write(exporter: OnnxFileExporter, model: Model, folder: Path) -> Path:
    (folder / "out").mkdir()
    assert model.signature == exporter.write(model, folder / "out" / "model.onnx")
    return folder / "out" / "model.onnx"


@pytest.mark.parametrize("location", ["", "weights.bin", "below/weights.bin"])
def test_a_file_is_taken_with_its_weights_and_stays_where_it_is(
    location: str, write: Callable[..., Mine], model_of: Callable[..., Model], tmp_path: Path
) -> None:
    mine = write(location=location)
    before = sorted((path.name, path.read_bytes()) for path in mine.path.parent.rglob("*") if path.is_file())
    model = model_of(mine.module, [torch.rand(2, 3)])
    out = _write(OnnxFileExporter(path=str(mine.path)), model, tmp_path)
    session = onnxruntime.InferenceSession(out)
    (got,) = session.run(["output__0"], dict(model.examples[0]))

    with torch.no_grad():
        np.testing.assert_allclose(got, mine.module(torch.from_numpy(model.examples[0]["input__0"])), rtol=1e-5)
    after = sorted((path.name, path.read_bytes()) for path in mine.path.parent.rglob("*") if path.is_file())
    assert before == after


@pytest.mark.parametrize(
    ("names", "message", "fix"),
    [
        (("x", "output__0"), "the inputs of {} are x; those of the model are input__0", "input_names=('x',)"),
        (("input__0", "y"), "the outputs of {} are y; those of the model are output__0", "output_names=('y',)"),
    ],
)
def test_other_names_are_an_error_with_both_sides(
    names: tuple[str, str], message: str, fix: str, write: Any, model_of: Any, tmp_path: Path
) -> None:
    mine = write(*names)
    model = model_of(mine.module, [torch.rand(2, 3)])
    with pytest.raises(ExportError) as caught:
        _write(OnnxFileExporter(path=str(mine.path)), model, tmp_path)

    assert message.format(mine.path) == caught.value.cause
    assert f"rename them in the file, or call optimize with {fix}" == caught.value.fix


def test_another_content_is_another_tool(write: Callable[..., Mine]) -> None:
    mine = write(location="weights.bin")
    first = OnnxFileExporter(path=str(mine.path))
    (mine.path.parent / "weights.bin").write_bytes(b"\0" * 24)
    second = OnnxFileExporter(path=str(mine.path))

    assert first != second
    assert first.path == second.path
    assert second == OnnxFileExporter(path=str(mine.path)) == tool_from(reference_of(second))


def test_weights_have_to_lie_in_the_folder(write: Callable[..., Mine], tmp_path: Path) -> None:
    mine = write()
    model = onnx.load(mine.path)
    (tmp_path / "secret").write_bytes(b"\0" * 24)
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], location="../secret")
    model.graph.initializer[0].ClearField("raw_data")
    mine.path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError) as caught:
        OnnxFileExporter(path=str(mine.path))

    assert f"{mine.path} keeps weights in ../secret, which lies outside of its folder" == caught.value.cause


def test_weights_that_are_gone_are_named(write: Callable[..., Mine]) -> None:
    mine = write(location="weights.bin")
    (mine.path.parent / "weights.bin").unlink()
    with pytest.raises(ModelFileError, match=r"keeps weights in weights\.bin, which is not there"):
        OnnxFileExporter(path=str(mine.path))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"\xff no onnx")
    with pytest.raises(ModelFileError, match=r"mine\.onnx is no ONNX file: "):
        OnnxFileExporter(path=str(path))


def test_weights_of_a_subgraph_are_found(write: Callable[..., Mine]) -> None:
    mine = write()
    model = onnx.load(mine.path)
    inner = numpy_helper.from_array(np.ones(3, np.float32), "inner")
    onnx.external_data_helper.set_external_data(inner, location="inner.bin")
    inner.ClearField("raw_data")
    branch = helper.make_graph([helper.make_node("Constant", [], ["c"], value=inner)], "branch", [], [])
    model.graph.node.append(helper.make_node("If", ["condition"], ["z"], then_branch=branch, else_branch=branch))
    mine.path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match=r"keeps weights in inner\.bin, which is not there"):
        OnnxFileExporter(path=str(mine.path))

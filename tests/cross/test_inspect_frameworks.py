"""What real frameworks write passes the checks that a stranger's files have to pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from navcore.errors import PackageFileError
from navcore.store.inspect import inspect_artifact, opener
from navcore.store.inspect_onnx import external_files


def inspect(held: str, folder: Path, main: str) -> None:
    files = {f"artifacts/x/{path.name}": opener(path) for path in sorted(folder.iterdir())}
    inspect_artifact(held, f"artifacts/x/{main}", files, Path("model.nav"))


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 8)).eval()
    torch.onnx.export(model, (torch.ones(2, 64),), str(tmp_path / "model.onnx"), dynamo=True, external_data=True)
    return tmp_path


def test_an_export_of_pytorch_with_external_data_passes(exported: Path) -> None:
    inspect("onnx", exported, "model.onnx")

    assert (exported / "model.onnx.data").stat().st_size > 30_000
    assert ("model.onnx.data",) == external_files(exported / "model.onnx")


def test_openvino_ir_passes(exported: Path) -> None:
    (exported / "ir").mkdir()
    openvino.save_model(openvino.convert_model(exported / "model.onnx"), exported / "ir" / "model.xml")

    inspect("openvino-ir", exported / "ir", "model.xml")

    (exported / "ir" / "model.bin").unlink()
    with pytest.raises(PackageFileError, match="has a constant at"):
        inspect("openvino-ir", exported / "ir", "model.xml")


def everywhere(location: str) -> onnx.ModelProto:
    """A model with tensors in every place that ONNX has for them, one of which lies in another file."""

    def stored(name: str) -> TensorProto:
        made = numpy_helper.from_array(np.ones(4, "float32"), name)
        if name == location:
            made.ClearField("raw_data")
            made.data_location = TensorProto.EXTERNAL
            entry = made.external_data.add()
            entry.key, entry.value = "location", f"{name}.bin"
        return made

    def constant(name: str) -> onnx.NodeProto:
        return helper.make_node("Constant", [], [f"{name}_out"], value=stored(name))

    branches = {
        f"{side}_branch": helper.make_graph(
            [constant(f"in_{side}")], side, [], [helper.make_tensor_value_info("o", 1, [4])], [stored(f"of_{side}")]
        )
        for side in ("then", "else")
    }
    nodes = [constant("plain"), helper.make_node("If", ["c"], ["y"], **branches)]
    graph = helper.make_graph(nodes, "g", [], [helper.make_tensor_value_info("y", 1, [4])], [stored("initializer")])
    function = helper.make_function("d", "f", [], ["o"], [constant("function")], [helper.make_opsetid("", 18)])
    model = helper.make_model(graph, functions=[function])
    model.training_info.add().initialization.CopyFrom(
        helper.make_graph([constant("training")], "t", [], [], [stored("of_training")])
    )
    return model


PLACES = ("plain", "initializer", "in_then", "of_then", "in_else", "of_else", "function", "training", "of_training")


@pytest.mark.parametrize("place", PLACES)
def test_external_data_is_found_in_every_place_of_a_model(tmp_path: Path, place: str) -> None:
    (tmp_path / "model.onnx").write_bytes(everywhere(place).SerializeToString())

    assert (f"{place}.bin",) == external_files(tmp_path / "model.onnx")


def test_every_field_of_onnx_that_can_hold_a_tensor_is_walked() -> None:
    """A new version of ONNX with a new place for tensors fails here."""
    from navcore.store.inspect_onnx import _HOLDS

    names = {
        "model": "ModelProto",
        "training": "TrainingInfoProto",
        "graph": "GraphProto",
        "function": "FunctionProto",
        "node": "NodeProto",
        "attribute": "AttributeProto",
        "sparse": "SparseTensorProto",
        "tensor": "TensorProto",
    }
    kinds = {name: kind for kind, name in names.items()}
    for kind, name in names.items():
        fields = getattr(onnx, name).DESCRIPTOR.fields
        holds = {
            found.number: kinds[found.message_type.name]
            for found in fields
            if found.message_type is not None and found.message_type.name in kinds
        }

        assert holds == _HOLDS.get(kind, {}), name

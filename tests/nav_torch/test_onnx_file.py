"""The end of every way to ONNX: names, inputs that were lost, and sizes that were baked in, by hand-made graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from nav_torch.export_error import ExportError
from nav_torch.onnx_file import dynamic_axes_of, finish, put_weights_beside
from navcore.domain import Signature, TensorSpec

from .artifacts import declared

SIGNATURE = Signature((TensorSpec("x", "float32", ("batch", 3)),), (TensorSpec("y", "float32", ("batch", 3)),), "batch")


def write(path: Path, given: list[Any], result: list[Any], *nodes: onnx.NodeProto, ir_version: int = 12) -> Path:
    """Write a graph from x to y, which doubles unless nodes are given."""
    graph = helper.make_graph(
        list(nodes) or [helper.make_node("Add", ["x", "x"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, result)],
        [numpy_helper.from_array(np.array([2, 3], np.int64), "two")],
    )
    onnx.save(helper.make_model(graph, ir_version=ir_version, opset_imports=[helper.make_opsetid("", 18)]), path)
    return path


def test_dimensions_get_the_signatures_names_and_the_file_an_ir_version_that_is_read_widely(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", ["s0", 3], [None, 3])
    finish(path, SIGNATURE)

    assert {"x": ["batch", 3], "y": ["batch", 3]} == declared(path)
    assert 10 == onnx.load(path).ir_version


def test_an_older_ir_version_stays(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", ["s0", 3], ["s0", 3], ir_version=8)
    finish(path, SIGNATURE)

    assert 8 == onnx.load(path).ir_version


@pytest.mark.parametrize(
    ("given", "result", "cause"),
    [
        ([2, 3], ["s0", 3], r"batch size 2 was baked in: x is declared \[2, 3\]"),
        (["s0", 3], [2, 3], r"batch size 2 was baked in: y is declared \[2, 3\]"),
    ],
)
def test_a_size_that_is_declared_fixed_is_refused(
    given: list[Any], result: list[Any], cause: str, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=cause):
        finish(write(tmp_path / "m.onnx", given, result), SIGNATURE)


def test_an_input_that_the_model_does_not_have_is_refused(tmp_path: Path) -> None:
    other = Signature(inputs=(TensorSpec("z", "float32", ("batch", 3)),), outputs=SIGNATURE.outputs, batch="batch")
    with pytest.raises(
        ExportError, match=r"wrote an input x, which .*\n  fix: give names as input_names and output_names"
    ):
        finish(write(tmp_path / "m.onnx", ["s0", 3], ["s0", 3]), other)


def test_a_size_that_follows_from_a_constant_inside_is_refused(tmp_path: Path) -> None:
    reshape = helper.make_node("Reshape", ["x", "two"], ["y"])
    with pytest.raises(ExportError, match=r"batch size 2 was baked in: y follows from the graph as \[2, 3\]"):
        finish(write(tmp_path / "m.onnx", ["s0", 3], ["s0", 3], reshape), SIGNATURE)


def test_an_input_that_was_lost_is_declared_again_in_its_place(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", ["s0", 3], ["s0", 3])
    others = [
        TensorSpec("ids", "int64", ("batch",)),
        TensorSpec("half", "bfloat16", ()),
        TensorSpec("mask", "bool", (2,)),
    ]
    finish(path, Signature((others[0], *SIGNATURE.inputs, *others[1:]), SIGNATURE.outputs, "batch"))

    assert ["ids", "x", "half", "mask", "y"] == list(declared(path))
    assert [TensorProto.INT64, TensorProto.FLOAT, TensorProto.BFLOAT16, TensorProto.BOOL] == [
        value.type.tensor_type.elem_type for value in onnx.load(path).graph.input
    ]


def test_an_output_that_was_lost_is_refused(tmp_path: Path) -> None:
    outputs = (*SIGNATURE.outputs, TensorSpec("z", "float32", (1,)))
    with pytest.raises(ExportError, match="the exporter lost the output z"):
        finish(write(tmp_path / "m.onnx", ["s0", 3], ["s0", 3]), Signature(SIGNATURE.inputs, outputs, "batch"))


def test_weights_are_put_beside_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    weights = np.arange(3000, dtype=np.float32)
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3000])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3000])],
        [numpy_helper.from_array(weights, "w")],
    )
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)]), path)
    put_weights_beside(path)

    assert 12_000 > path.stat().st_size
    assert ["m.onnx", "m.onnx.data"] == sorted(each.name for each in tmp_path.iterdir())
    np.testing.assert_array_equal(weights, numpy_helper.to_array(onnx.load(path).graph.initializer[0]))


def test_axes_vary_where_the_signature_or_the_user_names_them() -> None:
    signature = Signature((TensorSpec("x", "float32", ("batch", 3, 8)), TensorSpec("z", "float32", (4,))), ())

    assert ({0: "batch"}, {}) == dynamic_axes_of(signature, None)
    assert ({0: "batch", 2: "width"}, {0: "n"}) == dynamic_axes_of(
        signature, (("x", ((0, "rows"), (2, "width"))), ("z", ((0, "n"),)))
    )

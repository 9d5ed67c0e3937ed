"""Small ONNX files that hang or eat all memory: the user's process survives them, as a source and as an artifact."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from onnx import TensorProto, checker, helper, save

import navcore as nav

from .conftest import QUICK

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workers need POSIX process groups")


def saved(path: Path, nodes: list[object], initializers: list[object]) -> Path:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    y.type.tensor_type.shape.dim.add().dim_param = "batch"
    y.type.tensor_type.shape.dim.add().dim_param = "columns"
    graph = helper.make_graph(nodes, "hostile", [x], [y], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    checker.check_model(model)
    save(model, str(path))
    return path


def greedy(path: Path) -> Path:
    """Some hundred bytes that ask for 24 GB."""
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [60_000, 100_000])
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
        helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    return saved(path, nodes, [shape])


def endless(path: Path) -> Path:
    """A loop of 2^62 rounds."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["still_going"]),
            helper.make_node("Add", ["state", "state"], ["next_state"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, ["batch", 2]),
        ],
        [
            helper.make_tensor_value_info("still_going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next_state", TensorProto.FLOAT, ["batch", 2]),
        ],
    )
    count = helper.make_tensor("count", TensorProto.INT64, [], [2**62])
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    return saved(path, [helper.make_node("Loop", ["count", "yes", "x"], ["y"], body=body)], [count, yes])


def test_a_file_that_asks_for_24_gb_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = greedy(tmp_path / "greedy.onnx")

    assert path.stat().st_size < 400
    with pytest.raises(nav.errors.ModelFileError, match=r"greedy\.onnx cannot be run: .* more than 1500000000 bytes"):
        nav.onnx.optimize(
            path, workspace=tmp_path / "w", optimization_profile=QUICK, memory_limit_bytes=1_500_000_000, quiet=True
        )


def test_a_file_that_never_ends_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = endless(tmp_path / "endless.onnx")

    with pytest.raises(nav.errors.ModelFileError, match=r"endless\.onnx cannot be run: .* took longer than 4 s"):
        nav.onnx.optimize(path, workspace=tmp_path / "w", optimization_profile=QUICK, timeout_s=4.0, quiet=True)

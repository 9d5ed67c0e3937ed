"""A file's fingerprint covers every file that holds its weights."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from nav_onnx.fingerprint import fingerprint

EXTERNAL = {"save_as_external_data": True, "size_threshold": 0, "convert_attribute": True}


@pytest.fixture
def external(save, weight):
    """A model with three files of external data: a weight, a constant, and a constant in a branch."""
    x, y = ("x", TensorProto.FLOAT, ["batch", 3]), ("y", TensorProto.FLOAT, ["batch", 2])
    constant = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.ones(2, np.float32), "c"))
    branches = [
        helper.make_graph(
            [helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.ones(2, np.float32), name))],
            name,
            [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])],
        )
        for name in ("then", "else")
    ]
    nodes = [
        constant,
        helper.make_node("If", ["flag"], ["b"], then_branch=branches[0], else_branch=branches[1]),
        helper.make_node("MatMul", ["x", "weight"], ["h"]),
        helper.make_node("Sum", ["h", "c", "b"], ["y"]),
    ]
    weights = {"weight": weight, "flag": np.array(True)}
    return save(nodes, [x], [y], weights, all_tensors_to_one_file=False, **EXTERNAL)


def test_it_changes_with_the_file_and_not_with_its_place(affine, tmp_path):
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(affine.read_bytes())
    before = fingerprint(affine)

    assert before == fingerprint(str(copy))
    proto = onnx.load(affine)
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.ones((3, 2), np.float32), "weight"))
    onnx.save(proto, affine)
    assert before != fingerprint(affine)


def test_it_changes_with_each_file_of_external_data(external):
    files = sorted(path for path in external.parent.iterdir() if path != external)
    marks = {fingerprint(external)}
    for file in files:
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        marks.add(fingerprint(external))

    assert len(files) >= 3
    assert len(files) + 1 == len(marks)


def test_a_model_in_memory_has_none(affine):
    assert fingerprint(onnx.load(affine)) is None

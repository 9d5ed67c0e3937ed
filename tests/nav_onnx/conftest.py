"""Small ONNX files, made by hand."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper


@pytest.fixture
def save(tmp_path):
    """Write a graph and return its path: `save(nodes, inputs, outputs, weights)`.

    A tensor is `(name, element type, shape)`; a shape of None leaves the number of axes open. `domains` are further
    opsets, version 1 of each; what is left of the options goes to `onnx.save`.
    """

    def write(
        nodes, inputs, outputs, weights=None, name="model.onnx", opset=18, ir=10, domains=(), functions=(), **options
    ) -> Path:
        sides = [[v if hasattr(v, "type") else helper.make_tensor_value_info(*v) for v in s] for s in (inputs, outputs)]
        initializers = [numpy_helper.from_array(array, key) for key, array in (weights or {}).items()]
        graph = helper.make_graph(nodes, "graph", *sides, initializers)
        opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
        path = tmp_path / name
        proto = helper.make_model(graph, opset_imports=opsets, ir_version=ir, functions=functions)
        onnx.save(proto, path, **options)
        return path

    return write


@pytest.fixture
def weight():
    return np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.fixture
def affine(save, weight):
    """`y = x @ weight`, float32[batch, 3] to float32[batch, 2]."""
    x, y = ("x", TensorProto.FLOAT, ["batch", 3]), ("y", TensorProto.FLOAT, ["batch", 2])
    return save([helper.make_node("MatMul", ["x", "weight"], ["y"])], [x], [y], {"weight": weight})


@pytest.fixture
def two_inputs(save):
    """`total = left + right`, over float32[batch, 2] and float32[batch, 2]."""
    sides = [(name, TensorProto.FLOAT, ["batch", 2]) for name in ("left", "right", "total")]
    return save([helper.make_node("Add", ["left", "right"], ["total"])], sides[:2], sides[2:])

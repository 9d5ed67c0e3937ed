"""Small ONNX models for OpenVINO, made by hand."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from navcore.contracts import Model
from navcore.domain import Signature, TensorSpec
from navcore.formats import Format


@pytest.fixture
def weights():
    generator = np.random.default_rng(1)
    shapes = {"kernel": (4, 3, 3, 3), "bias": (4,)}
    return {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture
def examples():
    generator = np.random.default_rng(0)
    return tuple({"image": generator.normal(size=(size, 3, 6, 5)).astype(np.float32)} for size in (2, 3))


@pytest.fixture
def onnx_model(tmp_path, weights, examples):
    """A convolution with bias, and where it is largest: float32 and int64 outputs, a batch called N."""
    nodes = [
        helper.make_node("Conv", ["image", "kernel", "bias"], ["maps"]),
        helper.make_node("ArgMax", ["maps"], ["best"], axis=1, keepdims=0),
    ]
    shapes = {"image": ("N", 3, 6, 5), "maps": ("N", 4, 4, 3), "best": ("N", 4, 3)}
    infos = {
        name: helper.make_tensor_value_info(name, TensorProto.INT64 if name == "best" else TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    }
    initializers = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "graph", [infos["image"]], [infos["maps"], infos["best"]], initializers)
    (tmp_path / "source").mkdir()
    path = tmp_path / "source" / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    specs = {name: TensorSpec(name, "int64" if name == "best" else "float32", shape) for name, shape in shapes.items()}
    signature = Signature((specs["image"],), (specs["maps"], specs["best"]), batch="N")
    return Model(format=Format.ONNX, signature=signature, path=path, examples=examples)


@pytest.fixture
def expected(weights, examples):
    """The outputs, computed with numpy."""

    def compute(image):
        windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3), axis=(2, 3))
        maps = np.einsum("nchwij,fcij->nfhw", windows, weights["kernel"]) + weights["bias"][:, None, None]
        return {"maps": maps.astype(np.float32), "best": maps.argmax(axis=1)}

    return tuple(compute(feeds["image"]) for feeds in examples)

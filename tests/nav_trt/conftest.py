"""Small ONNX models for TensorRT, made by hand; where no TensorRT is installed, tests that need it skip."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from nav_trt.convert_onnx import TensorRTConverter
from navcore.contracts import Model
from navcore.domain import Signature, TensorSpec
from navcore.formats import Format

NO_ENGINES = TensorRTConverter().unavailable()
_ELEMENTS = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "int64": TensorProto.INT64}
_SIZES = (5, 9, 12)


def pytest_collection_modifyitems(items):
    """Skip what builds engines where they cannot be built, with the reason."""
    for item in items:
        if "engines" in getattr(item, "fixturenames", ()) and NO_ENGINES:
            item.add_marker(pytest.mark.skip(reason=f"{NO_ENGINES} (or tools/tensorrt_rtx/install.py)"))


@pytest.fixture
def engines():
    """Ask for this where engines are built."""


def model_of(path, nodes, inputs, outputs, weights=None, *, examples=(), opset=18, domains=()):
    """Write a graph and return it as a model; inputs and outputs are specs."""
    infos = [
        [helper.make_tensor_value_info(spec.name, _ELEMENTS[spec.dtype], spec.shape) for spec in side]
        for side in (inputs, outputs)
    ]
    initializers = [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()]
    graph = helper.make_graph(nodes, "graph", *infos, initializers)
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    batch = next((spec.shape[0] for spec in inputs if spec.shape and spec.shape[0] == "batch"), None)
    signature = Signature(tuple(inputs), tuple(outputs), batch=batch)
    return Model(format=Format.ONNX, signature=signature, path=path, examples=tuple(examples))


@pytest.fixture(scope="session")
def transformer(tmp_path_factory):
    """One layer of attention and a feed-forward net over token ids, with dynamic batch and sequence length."""
    generator = np.random.default_rng(0)
    shapes = {"words": (32, 16), "to_q": (16, 16), "to_k": (16, 16), "to_v": (16, 16), "up": (16, 32), "down": (32, 16)}
    weights = {name: generator.normal(0, 0.2, size=shape).astype(np.float32) for name, shape in shapes.items()}
    weights |= {"scale": np.ones(16, np.float32), "bias": np.zeros(16, np.float32)}
    node = helper.make_node
    nodes = [
        node("Gather", ["words", "ids"], ["x"], name="embed"),
        *(node("MatMul", ["x", f"to_{letter}"], [letter], name=f"project_{letter}") for letter in "qkv"),
        node("Transpose", ["k"], ["k_t"], perm=[0, 2, 1], name="turn"),
        node("MatMul", ["q", "k_t"], ["scores"], name="score"),
        node("Softmax", ["scores"], ["shares"], axis=-1, name="softmax"),
        node("MatMul", ["shares", "v"], ["mixed"], name="mix"),
        node("Add", ["x", "mixed"], ["sum"], name="add"),
        node("LayerNormalization", ["sum", "scale", "bias"], ["normal"], name="normalise"),
        node("MatMul", ["normal", "up"], ["wide"], name="widen"),
        node("Relu", ["wide"], ["active"], name="relu"),
        node("MatMul", ["active", "down"], ["y"], name="narrow"),
    ]
    return model_of(
        tmp_path_factory.mktemp("transformer") / "transformer.onnx",
        nodes,
        [TensorSpec("ids", "int64", ("batch", "length"))],
        [TensorSpec("y", "float32", ("batch", "length", 16))],
        weights,
        examples=[{"ids": generator.integers(0, 32, size=(2, size))} for size in _SIZES],
    )


@pytest.fixture
def out(tmp_path):
    """Where to write an engine."""
    (tmp_path / "artifact").mkdir()
    return tmp_path / "artifact" / "model.plan"

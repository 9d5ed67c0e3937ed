"""Small ONNX files that passes have something to do with: a convolutional net, and a block of a Transformer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from nav_onnx.model_file import read_signature
from navcore.contracts import Model
from navcore.formats import Format

FLOAT = TensorProto.FLOAT


def write(path, nodes, inputs, outputs, weights, opset=18, **options) -> Path:
    """Write a graph; a tensor is `(name, element type, shape)`."""
    sides = [[helper.make_tensor_value_info(*value) for value in side] for side in (inputs, outputs)]
    initializers = [numpy_helper.from_array(np.asarray(array), key) for key, array in weights.items()]
    graph = helper.make_graph(nodes, "graph", *sides, initializers)
    opsets = [helper.make_opsetid("", opset)]
    Path(path).parent.mkdir(exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), str(path), **options)
    return Path(path)


def model_of(path, examples=()) -> Model:
    """The file as an engine would hand it to a tool."""
    return Model(format=Format.ONNX, signature=read_signature(path), path=path, examples=tuple(examples))


def convnet(path, channels=16, size=12, **options) -> Path:
    """`image: float32[N, 3, size, size]` to `scores: float32[N, 10]`: three convolutions and a classifier."""
    random = np.random.default_rng(0)
    weights = {"w0": _normal(random, channels, 3, 3, 3), "w1": _normal(random, channels, channels, 3, 3)}
    weights |= {"w2": _normal(random, channels, channels, 3, 3), "b0": np.zeros(channels, np.float32)}
    weights |= {"fc": _normal(random, 10, channels), "fb": np.zeros(10, np.float32)}
    same = {"pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Conv", ["image", "w0", "b0"], ["c0"], "conv0", **same),
        helper.make_node("Relu", ["c0"], ["r0"]),
        helper.make_node("Conv", ["r0", "w1"], ["c1"], "conv1", **same),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], "conv2", **same),
        helper.make_node("Add", ["c2", "r0"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["r2"]),
        helper.make_node("GlobalAveragePool", ["r2"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "fc", "fb"], ["scores"], "classifier", transB=1),
    ]
    inputs, outputs = [("image", FLOAT, ["N", 3, size, size])], [("scores", FLOAT, ["N", 10])]
    return write(path, nodes, inputs, outputs, weights, **options)


def images(size=12, batches=(2, 4)) -> tuple[dict[str, np.ndarray], ...]:
    """Samples for `convnet`."""
    random = np.random.default_rng(1)
    return tuple({"image": random.normal(size=(batch, 3, size, size)).astype(np.float32)} for batch in batches)


def transformer(path, width=32, heads=4, **options) -> Path:
    """`tokens: float32[batch, length, width]` to `encoded`: an encoder layer, in small operators."""
    random = np.random.default_rng(2)
    weights = {name: _normal(random, width, width) for name in ("q", "k", "v", "o")}
    weights |= {f"b{name}": 0.1 * _normal(random, width) for name in ("q", "k", "v", "o", "1", "2", "n", "m")}
    weights |= {"w1": _normal(random, width, 4 * width), "w2": _normal(random, 4 * width, width)}
    weights |= {"b1": np.zeros(4 * width, np.float32), "s": np.ones(width, np.float32)}
    weights |= {"split": np.array([0, 0, heads, width // heads]), "join": np.array([0, 0, width])}
    weights |= {"scale": np.float32(np.sqrt(width / heads)), "root2": np.float32(np.sqrt(2))}
    weights |= {"one": np.float32(1), "half": np.float32(0.5)}
    nodes = []

    def node(operator, inputs, made, **attributes):
        nodes.append(helper.make_node(operator, inputs, [made], f"node_{made}", **attributes))
        return made

    def linear(value, weight, bias, made):
        return node("Add", [node("MatMul", [value, weight], f"{made}_product"), bias], made)

    for each, axes in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        split = node("Reshape", [linear("tokens", each, f"b{each}", f"{each}_all"), "split"], f"{each}_split")
        node("Transpose", [split], f"{each}_heads", perm=axes)
    scores = node("Div", [node("MatMul", ["q_heads", "k_heads"], "products"), "scale"], "scores")
    context = node("MatMul", [node("Softmax", [scores], "shares", axis=-1), "v_heads"], "context")
    joined = node("Reshape", [node("Transpose", [context], "context_back", perm=[0, 2, 1, 3]), "join"], "joined")
    attended = node("Add", [linear(joined, "o", "bo", "attended"), "tokens"], "attended_sum")
    normal = node("LayerNormalization", [attended, "s", "bn"], "normal", axis=-1)
    wide = linear(normal, "w1", "b1", "wide")
    erf = node("Erf", [node("Div", [wide, "root2"], "wide_scaled")], "erf")
    gelu = node("Mul", [node("Mul", [wide, node("Add", [erf, "one"], "erf_one")], "gelu_twice"), "half"], "gelu")
    narrow = node("Add", [linear(gelu, "w2", "b2", "narrow"), normal], "narrow_sum")
    node("LayerNormalization", [narrow, "s", "bm"], "encoded", axis=-1)
    shape = ["batch", "length", width]
    return write(path, nodes, [("tokens", FLOAT, shape)], [("encoded", FLOAT, shape)], weights, **options)


def tokens(width=32, shapes=((2, 7), (3, 5))) -> tuple[dict[str, np.ndarray], ...]:
    """Samples for `transformer`."""
    random = np.random.default_rng(3)
    return tuple({"tokens": random.normal(size=(*shape, width)).astype(np.float32)} for shape in shapes)


def _normal(random, *shape) -> np.ndarray:
    """Weights that keep the size of what they are multiplied with."""
    fan_in = np.prod(shape[1:]) if len(shape) != 2 else shape[0]
    return (random.normal(size=shape) / np.sqrt(max(fan_in, 1))).astype(np.float32)

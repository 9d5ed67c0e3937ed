"""A small network of convolutions as ONNX and in NumPy, whose outputs int8 keeps or, where it is planted, loses."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from navcore.contracts import Model
from navcore.domain import Signature, TensorSpec
from navcore.formats import Format

SIGNATURE = Signature(
    (TensorSpec("image", "float32", ("N", 3, 10, 10)),), (TensorSpec("scores", "float32", ("N", 4)),), batch="N"
)


def weights(loud: float = 1.0):
    """Weights by name.

    Args:
        loud: Scale of one channel between the convolutions, which the second one hardly uses. One scale for the
            whole tensor, which is what int8 has, leaves the other channels few steps where this is large.
    """
    generator = np.random.default_rng(1)
    shapes = {"kernel1": (8, 3, 3, 3), "kernel2": (8, 8, 3, 3), "matrix": (8, 4)}
    made = {name: generator.normal(size=shape) / np.sqrt(np.prod(shape[1:])) for name, shape in shapes.items()}
    made["kernel1"][0] *= loud
    made["kernel2"][:, 0] /= loud**2
    return {name: array.astype(np.float32) for name, array in made.items()}


def samples(count):
    generator = np.random.default_rng(0)
    return tuple({"image": generator.normal(size=(2, 3, 10, 10)).astype(np.float32)} for _ in range(count))


def outputs(feeds, weights):
    """What the network gives, by NumPy."""
    hidden = _relu(_convolution(feeds["image"], weights["kernel1"]))
    hidden = _relu(_convolution(hidden, weights["kernel2"]))
    return {"scores": hidden.mean(axis=(2, 3)) @ weights["matrix"]}


def save(path, weights, examples):
    """Write the network and return it as a model."""
    nodes = [
        helper.make_node("Conv", ["image", "kernel1"], ["c1"], name="first"),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "kernel2"], ["c2"], name="second"),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("GlobalAveragePool", ["r2"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["scores"], name="last"),
    ]
    inputs, results = (
        [helper.make_tensor_value_info(spec.name, TensorProto.FLOAT, spec.shape) for spec in side]
        for side in (SIGNATURE.inputs, SIGNATURE.outputs)
    )
    initializers = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "net", inputs, results, initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return Model(format=Format.ONNX, signature=SIGNATURE, path=path, examples=examples)


def _convolution(maps, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(maps, kernel.shape[2:], axis=(2, 3))
    return np.einsum("nchwij,fcij->nfhw", windows, kernel)


def _relu(maps):
    return np.maximum(maps, 0)

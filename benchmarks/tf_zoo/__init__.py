"""Four models of Keras that a route can trip over, each in full size and in a tiny one: `load(name, size)`.

Seeded, and made without a network. They need Keras and TensorFlow only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from zoo import SIZES, Loaded, Zoo

from navcore.formats import Format

__all__ = ["MODELS", "SIZES", "ZOO", "Loaded", "load"]

MODELS: Mapping[str, str] = {
    "convnet": "networks",
    "multi": "networks",
    "transformer": "sequences",
    "lstm": "sequences",
}
"""The module of this package that makes each model, in a function of the model's name."""


def load(name: str, size: str) -> Loaded:
    """Return a model with random weights, the same each time."""
    if name not in MODELS or size not in SIZES:
        raise SystemExit(f"no model {name!r} in size {size!r}; there are {', '.join(MODELS)}; {', '.join(SIZES)}")
    make: Callable[[bool], Loaded] = getattr(import_module(f"tf_zoo.{MODELS[name]}"), name)
    loaded = make(size == "tiny")
    seed(loaded.module)
    return loaded


def seed(model: Any) -> None:
    """Give every weight the values that a seed of its own gives; nobody's random state is used."""
    import numpy as np

    for place, weight in enumerate(model.weights):
        generator = np.random.default_rng(place)
        scale = 1.0 / np.sqrt(max(1, np.prod(weight.shape[:-1])))
        values = generator.normal(scale=scale, size=weight.shape)
        if any(word in weight.path for word in ("variance", "gamma")):
            values = 1.0 + 0.1 * np.abs(values)
        weight.assign(values.astype(weight.dtype))


ZOO = Zoo(
    name="tensorflow",
    title="TensorFlow",
    plugin="tf",
    onward=("OnnxCPU", "openvino-ir", "OpenVINOCPU"),
    source=Format.TENSORFLOW,
    distributions=(
        *("tensorflow-cpu", "keras", "tf2onnx", "ai-edge-litert", "onnx", "onnxruntime", "openvino", "numpy"),
    ),
    models=MODELS,
    load=load,
)

"""Three models of JAX that a route can trip over, each in full size and in a tiny one: `load(name, size)`.

Seeded, with random weights. A CNN and an encoder with an attention mask, both of Flax; and a function whose parameters
are nested.
"""

from __future__ import annotations

from zoo import SIZES, Loaded, Zoo

from navcore.formats import Format

__all__ = ["MODELS", "ZOO", "load"]

MODELS = ("cnn", "encoder", "nested")


def load(name: str, size: str) -> Loaded:
    """Return a model with random weights of seed 0."""
    from jax_zoo import models

    if name not in MODELS or size not in SIZES:
        raise SystemExit(f"no model {name!r} in size {size!r}; there are {', '.join(MODELS)}; {', '.join(SIZES)}")
    makers = {"cnn": models.cnn, "encoder": models.encoder, "nested": models.nested}
    return makers[name](size == "tiny")


ZOO = Zoo(
    name="jax",
    title="JAX",
    plugin="jax",
    onward=("OnnxCPU", "openvino-ir", "OpenVINOCPU", "TensorFlowSavedModelCPU"),
    source=Format.JAX,
    distributions=("jax", "jaxlib", "flax", "jax2onnx", "tensorflow-cpu", "onnx", "onnxruntime", "openvino", "numpy"),
    models=dict.fromkeys(MODELS),
    load=load,
)

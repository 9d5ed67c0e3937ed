"""The distributions that make up navcore, and what each is for: so that a message can name the one to install."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

__all__ = ["FIRST_PARTY", "FRONT_DOOR", "FirstParty", "suggest"]


@attrs.frozen
class FirstParty:
    """A first-party plugin.

    Attributes:
        distribution: Name to install.
        modules: Top-level modules whose objects it recognises.
        suffixes: File endings that it recognises.
    """

    distribution: str
    modules: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()


FIRST_PARTY: Mapping[str, FirstParty] = {
    "torch": FirstParty(
        "nav-torch", ("torch", "transformers", "diffusers", "torchvision", "timm"), (".pt", ".pth", ".pt2")
    ),
    "onnx": FirstParty("nav-onnx", ("onnx", "onnxruntime"), (".onnx",)),
    "openvino": FirstParty("nav-openvino", ("openvino",), (".xml",)),
    "tf": FirstParty("nav-tf", ("tensorflow", "keras", "tf_keras"), (".keras", ".tflite")),
    "jax": FirstParty("nav-jax", ("jax", "jaxlib", "flax", "equinox"), (".jaxexport",)),
    "trt": FirstParty("nav-trt", ("tensorrt",), (".plan", ".engine")),
    "triton": FirstParty("nav-triton", ("pytriton", "tritonclient")),
}
"""By entry-point name."""

FRONT_DOOR: Mapping[str, str] = {
    "Module": "nav-torch",
    "OnnxConfig": "nav-torch",
    "OptimizeConfig": "nav-torch",
    "TensorFlowConfig": "nav-tf",
    "TensorFlowTensorRTConfig": "nav-tf",
    "TensorRTConfig": "nav-trt",
    "TensorRTPrecision": "nav-trt",
    "TensorRTPrecisionMode": "nav-trt",
    "TensorRTProfile": "nav-trt",
    "TorchConfig": "nav-torch",
    "TorchExportConfig": "nav-torch",
    "TorchScriptConfig": "nav-torch",
    "TorchTensorRTConfig": "nav-torch",
    "bundle": "nav-torch",
    "jax": "nav-jax",
    "load_optimized": "nav-torch",
    "module": "nav-torch",
    "onnx": "nav-onnx",
    "openvino": "nav-openvino",
    "pytriton": "nav-triton",
    "tensorflow": "nav-tf",
    "tensorrt": "nav-trt",
    "torch": "nav-torch",
    "triton": "nav-triton",
}
"""Names on `navcore` that a plugin lends, and the distribution that has them."""


def suggest(model: object) -> FirstParty | None:
    """Return the first-party plugin that would recognise the model, judged by its class or file ending."""
    if isinstance(model, str) or hasattr(model, "__fspath__"):
        text = str(model)
        return next((entry for entry in FIRST_PARTY.values() if text.endswith(entry.suffixes or ("\0",))), None)
    roots = {cls.__module__.partition(".")[0] for cls in type(model).__mro__}
    return next((entry for entry in FIRST_PARTY.values() if roots & set(entry.modules)), None)

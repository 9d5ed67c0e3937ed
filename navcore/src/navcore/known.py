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
        takes: What it takes as a model, and how to come by it.
        modules: Top-level modules whose objects it recognises.
        suffixes: File endings that it recognises.
    """

    distribution: str
    takes: str
    modules: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()


FIRST_PARTY: Mapping[str, FirstParty] = {
    "torch": FirstParty(
        "nav-torch",
        "a torch.nn.Module: load the file or build the network in Python, and give the module",
        ("torch", "transformers", "diffusers", "torchvision", "timm"),
        (".pt", ".pth", ".pt2"),
    ),
    "onnx": FirstParty("nav-onnx", "the path of an .onnx file", ("onnx", "onnxruntime"), (".onnx",)),
    "openvino": FirstParty(
        "nav-openvino",
        "no model of its own: give the ONNX file or the network that it was made from",
        ("openvino",),
        (".xml",),
    ),
    "tf": FirstParty(
        "nav-tf",
        "a Keras model, a tf.Module, a tf.function, or the folder of a SavedModel: load another file first",
        ("tensorflow", "keras", "tf_keras"),
        (".keras", ".tflite"),
    ),
    "jax": FirstParty("nav-jax", "a JAX function", ("jax", "jaxlib", "flax", "equinox"), (".jaxexport",)),
    "trt": FirstParty(
        "nav-trt",
        "the path of a .plan file; to have one built, give the ONNX file or the network that it is made from",
        ("tensorrt",),
        (".plan", ".engine"),
    ),
    "triton": FirstParty("nav-triton", "no model: it serves those of other plugins", ("pytriton", "tritonclient")),
}
"""By entry-point name."""

FRONT_DOOR: Mapping[str, str] = {
    "AutocastType": "nav-torch",
    "JitType": "nav-torch",
    "Module": "nav-torch",
    "OpenVINOConfig": "nav-openvino",
    "OptimizeConfig": "nav-torch",
    "TensorFlowConfig": "nav-tf",
    "TensorFlowTensorRTConfig": "nav-tf",
    "TensorRTConfig": "nav-trt",
    "TensorRTPrecision": "nav-trt",
    "TensorRTPrecisionMode": "nav-trt",
    "TensorRTProfile": "nav-trt",
    "TorchAOTIConfig": "nav-torch",
    "TorchCompileConfig": "nav-torch",
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

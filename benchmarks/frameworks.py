"""The frameworks whose routes and choices are shown: their zoos, what is tried, and how they are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import attrs

from navcore.contracts import CustomConfig
from navcore.formats import Format

__all__ = ["FRAMEWORKS", "Framework"]


def _no_configs() -> list[CustomConfig]:
    return []


@attrs.frozen(kw_only=True)
class Framework:
    """One framework.

    Attributes:
        name: For the command line, and in the names of pages.
        title: For people.
        plugin: All tools of this plugin are tried.
        source: The format of its models.
        zoo: Module with `MODELS`, `SIZES` and `load`.
        ways: Module with what one writes by hand for it.
        first: The runner that calls a model as it is.
        dropping: Who is about to drop what is deprecated.
        distributions: Whose versions the facts hold for.
        variants: Returns configs that ask for what is not tried unless it is asked for.
    """

    name: str
    title: str
    plugin: str
    source: Format
    zoo: str
    ways: str
    first: str
    dropping: str
    distributions: tuple[str, ...]
    variants: Callable[[], list[CustomConfig]] = _no_configs

    def models(self) -> Mapping[str, str]:
        """Return the names of its models, with the modules that make them."""
        names: Mapping[str, str] = import_module(self.zoo).MODELS
        return names

    def load(self, model: str, size: str) -> Any:
        """Return a model of its zoo with samples."""
        return import_module(self.zoo).load(model, size)


def _torch_variants() -> list[CustomConfig]:
    from nav_torch.config_compile import TorchAOTIConfig, TorchCompileConfig

    both = (False, True)
    return [TorchCompileConfig(freezing=both), TorchAOTIConfig(freezing=both)]


_SHARED = ("onnx", "onnxruntime", "openvino", "numpy")

FRAMEWORKS: Mapping[str, Framework] = {
    each.name: each
    for each in (
        Framework(
            name="torch",
            title="PyTorch",
            plugin="torch",
            source=Format.TORCH,
            zoo="torch_zoo",
            ways="hand_written",
            first="TorchCPU",
            dropping="PyTorch",
            distributions=("torch", "onnx", "onnxscript", *_SHARED[1:3], "transformers", "diffusers", "numpy"),
            variants=_torch_variants,
        ),
        Framework(
            name="tensorflow",
            title="TensorFlow",
            plugin="tf",
            source=Format.TENSORFLOW,
            zoo="tf_zoo",
            ways="tf_hand_written",
            first="TensorFlowCPU",
            dropping="TensorFlow",
            distributions=("tensorflow-cpu", "keras", "tf2onnx", "ai-edge-litert", *_SHARED),
        ),
    )
}

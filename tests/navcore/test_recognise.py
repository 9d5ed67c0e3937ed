"""What is said about a model that no plugin takes, though the one for its framework is installed."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from navcore.engine.recognise import recognise
from navcore.errors import UnrecognisedModelError
from navcore.plugins import load_plugins
from navcore.registry import Registry


def installed(distribution: str) -> Registry:
    """Return a registry with a plugin of that distribution, which recognises nothing."""
    registry = load_plugins(installed=False)
    plugin = attrs.evolve(registry.plugins[0], name="mine", version=f"{distribution} 9.0", hooks=())
    return attrs.evolve(registry, plugins=(*registry.plugins, plugin))


def of_class(module: str, name: str) -> Any:
    return type(name, (), {"__module__": module})()


@pytest.mark.parametrize(
    ("model", "distribution", "fix"),
    [
        ("model.pt", "nav-torch", "nav-torch is installed, and takes a torch.nn.Module: load the file or build"),
        ("model.xml", "nav-openvino", "nav-openvino is installed, and takes no model of its own: give the ONNX file"),
        (of_class("openvino", "Core"), "nav-openvino", "nav-openvino is installed, and takes no model of its own"),
        (of_class("onnxruntime.capi", "InferenceSession"), "nav-onnx", "nav-onnx is installed, and takes the path of"),
    ],
    ids=["pt", "xml", "core", "session"],
)
def test_what_is_installed_is_not_advised_to_be_installed(model: Any, distribution: str, fix: str) -> None:
    with pytest.raises(UnrecognisedModelError) as caught:
        recognise(model, installed(distribution))

    assert fix in caught.value.fix
    assert "pip install" not in caught.value.fix


def test_another_distribution_that_is_installed_does_not_count() -> None:
    with pytest.raises(UnrecognisedModelError, match="fix: pip install nav-torch"):
        recognise("model.pt", installed("nav-torch-extras"))

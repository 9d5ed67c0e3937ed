"""Runs SavedModels, and what TF-TRT made of them: as they were saved, and compiled by XLA."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from nav_tf.device import device_name, missing_device
from nav_tf.framework import load_tensorflow, on_device
from nav_tf.infer import TfInfer
from nav_tf.saved_model_file import chosen_signature
from navcore.contracts import Infer, Model, Runner
from navcore.domain import DeviceKind
from navcore.formats import Format

__all__ = ["SAVED_MODEL_CPU", "SavedModelRunner", "compiled", "savedmodel_runners"]


@attrs.frozen(kw_only=True)
class SavedModelRunner(Runner):
    """Calls the signature `serving_default`, or the only one that there is.

    Attributes:
        jit_compile: Whether XLA compiles all of it, once for each shape.
    """

    accepts: Format = Format.TF_SAVEDMODEL
    imports: tuple[str, ...] = ("nav_tf.imported",)
    jit_compile: bool = False

    def unavailable(self) -> str | None:
        return missing_device(self.devices[0])

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        tensorflow, where = load_tensorflow(), device_name(device)
        if model.path is None:
            raise ValueError(f"{self.name} needs a folder, and was given a {model.format} without a path")
        with on_device(where):
            loaded = tensorflow.saved_model.load(str(model.path))
        function = loaded.signatures[chosen_signature(loaded.signatures, model.path)]
        called = compiled(function) if self.jit_compile else function
        infer = TfInfer(
            called, model.signature.input_names, model.signature.output_names, where, compiles=self.jit_compile
        )
        yield infer
        del loaded  # its functions refer to variables that live as long as it does


def compiled(function: Any, *, jit: bool = True) -> Any:
    """Return a function of tensors by name as one graph, compiled by XLA where it is asked for."""

    def whole(**tensors: Any) -> Any:
        return function(**tensors)

    return load_tensorflow().function(whole, jit_compile=jit, autograph=False)


def savedmodel_runners(device: DeviceKind) -> Iterator[SavedModelRunner]:
    """Yield the runners for a device."""
    name = f"TensorFlowSavedModel{device.name}"
    yield SavedModelRunner(name=name, devices=(device,))
    yield SavedModelRunner(name=f"{name}-xla", devices=(device,), jit_compile=True)


SAVED_MODEL_CPU = next(savedmodel_runners(DeviceKind.CPU))
"""What a SavedModel is compared with that is the source itself."""

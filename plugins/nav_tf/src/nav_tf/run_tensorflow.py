"""Runs the user's model: as it was given, and as one graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from nav_tf.call import TfCall
from nav_tf.device import device_name, missing_device
from nav_tf.framework import on_device
from nav_tf.infer import TfInfer
from nav_tf.run_savedmodel import compiled
from navcore.contracts import Infer, Model, Runner
from navcore.domain import DeviceKind
from navcore.formats import Format

__all__ = ["TensorFlowRunner", "named_function", "tensorflow_runners"]


@attrs.frozen(kw_only=True)
class TensorFlowRunner(Runner):
    """A live model, in this process.

    Attributes:
        graph: Whether all of it is traced into one tf.function, once for each shape.
    """

    accepts: Format = Format.TENSORFLOW
    graph: bool = False

    def unavailable(self) -> str | None:
        return missing_device(self.devices[0])

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        function, where = named_function(model.object, model.call), device_name(device)
        with on_device(where):
            called = compiled(function, jit=False) if self.graph else function
        yield TfInfer(called, model.call.inputs, model.signature.output_names, where, compiles=self.graph)


def named_function(model: Any, call: TfCall) -> Callable[..., dict[str, Any]]:
    """Return the user's model as a function of tensors by name that returns tensors by name."""

    def function(**tensors: Any) -> dict[str, Any]:
        arguments, keywords = call.arguments(tensors[name] for name in call.inputs)
        return call.named_outputs(model(*arguments, **keywords))

    return function


def tensorflow_runners(device: DeviceKind) -> Iterator[TensorFlowRunner]:
    """Yield the runners for a device."""
    yield TensorFlowRunner(name=f"TensorFlow{device.name}", devices=(device,), plain=True)
    yield TensorFlowRunner(name=f"TensorFlowFunction{device.name}", devices=(device,), graph=True)

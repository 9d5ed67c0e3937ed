"""Runs `.tflite` files on LiteRT."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs

from nav_tf.needs import missing_litert
from navcore.contracts import Array, Infer, Model, Runner, Tensors
from navcore.cpus import usable_cpus
from navcore.domain import DeviceKind, Signature
from navcore.formats import Format

__all__ = ["LiteRTRunner"]


@attrs.frozen(kw_only=True)
class LiteRTRunner(Runner):
    """LiteRT's interpreter with XNNPACK, which needs no TensorFlow.

    Attributes:
        threads: Threads that compute; None: as many as there are CPUs in sight, or as the control group leaves room
            for. Left to itself LiteRT takes one.
    """

    name: str = "LiteRTCPU"
    imports: tuple[str, ...] = ("ai_edge_litert.interpreter",)
    accepts: Format = Format.TFLITE
    devices: tuple[DeviceKind, ...] = (DeviceKind.CPU,)
    threads: int | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(1)))

    def unavailable(self) -> str | None:
        return missing_litert()

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        from ai_edge_litert.interpreter import Interpreter

        threads = self.threads or usable_cpus()
        yield _LiteRTInfer(Interpreter(model_path=str(model.path), num_threads=threads), model.signature)


class _LiteRTInfer:
    """An interpreter as an Infer; several threads wait for each other."""

    def __init__(self, interpreter: Any, signature: Signature) -> None:
        (called,) = interpreter.get_signature_list()
        runner = interpreter.get_signature_runner(called)
        self._interpreter, self._signature = interpreter, signature
        # The converter leaves out inputs that nothing depends on.
        self._inputs = _places(runner.get_input_details())
        self._outputs = _places(runner.get_output_details())
        self._shapes: tuple[Any, ...] = ()
        self._lock = threading.Lock()

    def __call__(self, feeds: Tensors) -> Tensors:
        arrays = {name: feeds[name] for name in self._signature.input_names}
        with self._lock:
            return self._run([(place, arrays[name]) for name, place in self._inputs.items()])

    def bind(self, feeds: Tensors) -> Callable[[], Tensors]:
        """Return a step on these arrays, which are read anew at each call; each call makes new outputs."""
        arrays = {name: feeds[name] for name in self._signature.input_names}
        placed = [(place, arrays[name]) for name, place in self._inputs.items()]

        def step() -> Tensors:
            with self._lock:
                return self._run(placed)

        return step

    def _run(self, placed: Sequence[tuple[int, Array]]) -> Tensors:
        shapes = tuple(array.shape for _, array in placed)
        if shapes != self._shapes:
            self._resize(placed, shapes)
        for place, array in placed:
            self._interpreter.set_tensor(place, array)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(self._outputs[name]) for name in self._signature.output_names}

    def _resize(self, placed: Sequence[tuple[int, Array]], shapes: tuple[Any, ...]) -> None:
        # Signature runners do this in every call.
        self._shapes = ()
        for place, array in placed:
            self._interpreter.resize_tensor_input(place, array.shape)
        self._interpreter.allocate_tensors()
        self._shapes = shapes


def _places(details: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Return where tensors are in the first graph, which is that of the only signature, by name."""
    return {name: detail["index"] for name, detail in details.items()}

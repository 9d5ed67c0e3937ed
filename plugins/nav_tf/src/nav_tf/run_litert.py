"""Runs `.tflite` files on LiteRT."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import numpy as np

from nav_tf.needs import missing_litert
from navcore.contracts import Infer, Model, Runner, Tensors
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
    """A signature of an interpreter as an Infer; several threads wait for each other."""

    def __init__(self, interpreter: Any, signature: Signature) -> None:
        (name,) = interpreter.get_signature_list()
        self._run = interpreter.get_signature_runner(name)
        self._signature = signature
        # The converter leaves out inputs that nothing depends on.
        self._taken = frozenset(self._run.get_input_details())
        self._lock = threading.Lock()

    def __call__(self, feeds: Tensors) -> Tensors:
        arrays = {name: np.ascontiguousarray(feeds[name]) for name in self._signature.input_names}
        with self._lock:
            outputs = self._run(**{name: array for name, array in arrays.items() if name in self._taken})
        return {name: outputs[name] for name in self._signature.output_names}

"""What every hand-written way is given and what it gives, and the ways from an ONNX file; used by hand_written*.py."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from navcore.contracts import Array, Model, Tensors

__all__ = ["WRITTEN", "Case", "Prepare", "Step", "on_onnx_runtime", "on_openvino", "once", "ways_of"]

Step = Callable[[], Any]
"""One call on inputs that were placed before; returns what the runtime gives."""

Prepare = Callable[[Tensors], Step]
"""Places inputs, by name, for a step."""

WRITTEN = {"torch": "hand_written", "jax": "hand_written_jax", "tensorflow": "hand_written_tensorflow"}
"""The module of each framework's ways."""


@attrs.frozen(kw_only=True, eq=False)
class Case:
    """The model, and how it is called.

    Attributes:
        module: As the zoo has it.
        model: What navcore knows of the call: names and order of the inputs, and which dimensions vary.
        feeds: The inputs that will be timed; also what is exported with.
        folder: For files.
        varying: Whether exports keep the dimensions open that vary between the samples, where the framework can;
            otherwise they are fixed to those of the feeds.
    """

    module: Any
    model: Model
    feeds: Tensors
    folder: Path
    varying: bool = True

    def file(self, name: str) -> str:
        """Return a path for a file."""
        return str(Path(tempfile.mkdtemp(dir=self.folder)) / name)


def ways_of(framework: str) -> Any:
    """Return the module of a framework's ways.

    It has WAYS, from a name to a function from a Case to a Prepare, of which `eager` is what the others have to agree
    with; EXPORTS, those ways that fix or keep sizes; ONE_SIZE, those that other sizes than the timed one slow down;
    `placed`, which returns an array as a tensor of the framework; and `arrays_of`, which returns what a step gave as
    arrays.
    """
    return import_module(WRITTEN[framework])


_MADE: dict[int, tuple[Array, Any]] = {}


def once(array: Array, make: Callable[[], Any]) -> Any:
    """Return what was made of this very array the first time, so that all ways of a process read the same memory."""
    if id(array) not in _MADE:
        _MADE[id(array)] = (array, make())  # an array that lives keeps its id
    return _MADE[id(array)][1]


def on_onnx_runtime(path: str, order: Sequence[str]) -> Prepare:
    """Return an ONNX Runtime session on a file whose inputs are those of the feeds, in this order."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    names = [each.name for each in session.get_inputs()]
    return _placed(names, order, lambda given: session.run(None, given))


def on_openvino(path: str, order: Sequence[str], precision: str = "f32") -> Prepare:
    """Return an OpenVINO model compiled from an ONNX file, in the precision of the source."""
    from nav_openvino.without_telemetry import load_openvino

    # Its telemetry forks, and in a process with the threads of JAX the child may never end.
    model = load_openvino().Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    names = [each.any_name for each in model.inputs]
    return _placed(names, order, lambda given: model(given).to_tuple())


def _placed(names: Sequence[str], order: Sequence[str], run: Callable[[Mapping[str, Array]], Any]) -> Prepare:
    def prepare(feeds: Tensors) -> Step:
        given = dict(zip(names, (np.ascontiguousarray(feeds[name]) for name in order), strict=True))
        return lambda: run(given)

    return prepare

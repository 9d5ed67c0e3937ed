"""A function of tensors as an Infer, and values between NumPy and TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nav_tf.framework import load_tensorflow, on_device
from navcore.contracts import Array, Tensors
from navcore.first_calls import FirstCalls

__all__ = ["TfInfer", "as_array", "as_tensor"]


def as_tensor(value: Any) -> Any:
    """Return a value as a tensor of its own dtype."""
    return load_tensorflow().convert_to_tensor(value)


def as_array(value: Any) -> Array:
    """Return a tensor as an array that is the caller's."""
    numpy = getattr(value, "numpy", None)
    array = np.asarray(numpy() if numpy is not None else value)  # TensorFlow copies in numpy()
    return array if array.flags.writeable and array is not value else array.copy()


class TfInfer:
    """A function of named tensors as one of named arrays; it returns when its outputs are complete."""

    def __init__(
        self,
        function: Callable[..., Any],
        inputs: Sequence[str],
        outputs: Sequence[str],
        device: str,
        *,
        compiles: bool,
    ) -> None:
        """Keep the function.

        Args:
            function: Takes tensors by name, and returns tensors by name.
            inputs, outputs: Names.
            device: `CPU` or `GPU`.
            compiles: Whether the first call with each shape compiles.
        """
        self._function, self._inputs, self._outputs = function, tuple(inputs), tuple(outputs)
        self._device = device
        self._first = FirstCalls() if compiles else None

    def __call__(self, feeds: Tensors) -> Tensors:
        arrays = [feeds[name] for name in self._inputs]
        return self._run(arrays) if self._first is None else self._first.call(self._run, arrays)

    def native(self, *tensors: Any) -> Any:
        """Run on tensors of TensorFlow, in the order of the inputs, and return such by name."""
        with on_device(self._device):
            return self._function(**dict(zip(self._inputs, tensors, strict=True)))

    def notes(self) -> tuple[str, ...]:
        """Return how often it was compiled, and how long the calls took that did."""
        return () if self._first is None else self._first.notes()

    def _run(self, arrays: Sequence[Array]) -> Tensors:
        with on_device(self._device):
            outputs = self._function(**dict(zip(self._inputs, map(as_tensor, arrays), strict=True)))
        return {name: as_array(outputs[name]) for name in self._outputs}

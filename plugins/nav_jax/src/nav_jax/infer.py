"""A compiled function as an Infer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nav_jax.arrays import owned
from navcore.contracts import Tensors
from navcore.first_calls import FirstCalls

__all__ = ["JaxInfer"]


class JaxInfer:
    """A function of arrays as one of named arrays; it returns when its outputs are complete."""

    def __init__(self, function: Callable[..., Any], inputs: Sequence[str], device: Any, *, compiles: bool) -> None:
        """Keep the function.

        Args:
            function: Takes arrays in the order of `inputs`; returns arrays by name.
            inputs: Names.
            device: The `jax.Device` that it runs on.
            compiles: Whether the first call with each shape compiles.
        """
        import jax

        self._put, self._wait = jax.device_put, jax.block_until_ready
        self._function, self._inputs, self._device = function, tuple(inputs), device
        self._first = FirstCalls() if compiles else None

    def __call__(self, feeds: Tensors) -> Tensors:
        arrays = [feeds[name] for name in self._inputs]
        return self._run(arrays) if self._first is None else self._first.call(self._run, arrays)

    def native(self, *arrays: Any) -> Any:
        """Run on arrays of JAX, in the order of the inputs, and return arrays of JAX by name, complete."""
        return self._wait(self._function(*arrays))

    def notes(self) -> tuple[str, ...]:
        """Return how often it was compiled, and how long the calls took that did."""
        return () if self._first is None else self._first.notes()

    def _run(self, arrays: Sequence[Any]) -> Tensors:
        outputs = self._wait(self._function(*(self._put(array, self._device) for array in arrays)))
        return {name: owned(array) for name, array in outputs.items()}

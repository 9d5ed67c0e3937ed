"""A compiled function as an Infer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from nav_jax.arrays import owned
from navcore.contracts import Tensors

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
        self._compiles = compiles
        self._seen: set[tuple[tuple[int, ...], ...]] = set()
        self._first_s = 0.0

    def __call__(self, feeds: Tensors) -> Tensors:
        arrays = [feeds[name] for name in self._inputs]
        if not self._compiles:
            return self._run(arrays)
        shapes = tuple(array.shape for array in arrays)
        if shapes in self._seen:
            return self._run(arrays)
        start = time.perf_counter()
        outputs = self._run(arrays)
        self._first_s += time.perf_counter() - start
        self._seen.add(shapes)
        return outputs

    def native(self, *arrays: Any) -> Any:
        """Run on arrays of JAX, in the order of the inputs, and return arrays of JAX by name, complete."""
        return self._wait(self._function(*arrays))

    def notes(self) -> tuple[str, ...]:
        """Return how often it was compiled, and how long the calls took that did."""
        if not self._seen:
            return ()
        times = "once" if len(self._seen) == 1 else f"{len(self._seen)} times, once for each shape"
        return (f"compiled {times}; the calls that compiled took {self._first_s:.1f} s",)

    def _run(self, arrays: Sequence[Any]) -> Tensors:
        outputs = self._wait(self._function(*(self._put(array, self._device) for array in arrays)))
        return {name: owned(array) for name, array in outputs.items()}

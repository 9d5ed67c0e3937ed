"""FirstCalls: how often a function was compiled that is compiled once for each shape, and how long that took."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

__all__ = ["FirstCalls"]

_Result = TypeVar("_Result")


class FirstCalls:
    """Times the first call with each combination of shapes, which is the one that compiles."""

    def __init__(self) -> None:
        self._seen: set[tuple[tuple[int, ...], ...]] = set()
        self._seconds = 0.0

    def call(self, function: Callable[[Sequence[Any]], _Result], arrays: Sequence[Any]) -> _Result:
        """Return what the function gives for these arrays."""
        shapes = tuple([array.shape for array in arrays])
        if shapes in self._seen:
            return function(arrays)
        start = time.perf_counter()
        result = function(arrays)
        self._seconds += time.perf_counter() - start
        self._seen.add(shapes)
        return result

    def notes(self) -> tuple[str, ...]:
        """Return a sentence about them, as the notes of an Infer; none where nothing was called."""
        if not self._seen:
            return ()
        times = "once" if len(self._seen) == 1 else f"{len(self._seen)} times, once for each shape"
        return (f"compiled {times}; the calls that compiled took {self._seconds:.1f} s",)

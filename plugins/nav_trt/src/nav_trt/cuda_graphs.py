"""CUDA graphs: launches of an engine, recorded for shapes and addresses. Never run: there was no GPU."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from nav_trt.cuda_runtime import CudaRuntime

__all__ = ["CudaGraphs"]

_MOST_KEPT = 16


class CudaGraphs:
    """Records each kind of launch once, and launches the recording from then on; the least used ones are dropped.

    Attributes:
        recorded: How many were.
    """

    def __init__(self, cuda: CudaRuntime, stream: int) -> None:
        self._cuda, self._stream = cuda, stream
        self._graphs: OrderedDict[Any, int] = OrderedDict()
        self.recorded = 0

    def launch(self, key: Any, enqueue: Callable[[], None]) -> None:
        """Launch what `enqueue` puts into the stream.

        Args:
            key: Shapes and addresses: a recording is good for these alone.
            enqueue: Called twice with a new key: in the first call TensorRT prepares for new shapes, which cannot be
                recorded.
        """
        if key not in self._graphs:
            enqueue()
            self._cuda.wait(self._stream)
            self._cuda.begin_capture(self._stream)
            try:
                enqueue()
            finally:
                graph = self._cuda.end_capture(self._stream)
            self._graphs[key] = graph
            self.recorded += 1
            if len(self._graphs) > _MOST_KEPT:
                self._cuda.end_graph(self._graphs.popitem(last=False)[1])
        self._graphs.move_to_end(key)
        self._cuda.launch(self._graphs[key], self._stream)

    def close(self) -> None:
        """Drop all."""
        while self._graphs:
            self._cuda.end_graph(self._graphs.popitem()[1])

"""Sessions of ONNX Runtime as callables on named arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nav_onnx.placement import placement_of
from navcore.contracts import Tensors

__all__ = ["BoundInfer", "SessionInfer"]


class SessionInfer:
    """A session that takes and gives arrays of the CPU; ONNX Runtime makes new outputs for each call."""

    def __init__(self, session: Any, names: tuple[str, ...], provider: str) -> None:
        self._session, self._names, self._provider = session, list(names), provider
        self._run = session.run

    def __call__(self, feeds: Tensors) -> Tensors:
        return dict(zip(self._names, self._run(self._names, feeds), strict=True))

    def bind(self, feeds: Tensors) -> Callable[[], Tensors]:
        """Return a step on these arrays, which ONNX Runtime reads anew at each call; each call makes new outputs."""
        # An IOBinding writes into the outputs of its first run again, whatever their size should be. With its outputs
        # bound anew a call of benchmarks/overhead.py took 6.7 us, and `run` 4.5 us (onnxruntime 1.31, 2 cores).
        run, names, held = self._run, self._names, dict(feeds)

        def step() -> Tensors:
            return dict(zip(names, run(names, held), strict=True))

        return step

    def placement(self) -> dict[str, int]:
        """Return how many nodes each execution provider runs; empty where this onnxruntime does not tell."""
        found = placement_of(self._session)
        return {} if found is None else found.counts

    def notes(self) -> tuple[str, ...]:
        """Return what other providers than the one that was asked for run."""
        found = placement_of(self._session)
        return () if found is None else found.beside(self._provider)


class BoundInfer(SessionInfer):
    """A session on a device with memory of its own: a bound step has its places there, and fills them at each call.

    Args:
        device: What ONNX Runtime calls the memory.
    """

    def __init__(self, session: Any, names: tuple[str, ...], provider: str, device: str) -> None:
        super().__init__(session, names, provider)
        self._device = device

    def bind(self, feeds: Tensors) -> Callable[[], Tensors]:
        """Return a step that copies these arrays to places on the device that it has taken once, and runs there."""
        import onnxruntime

        held = {name: np.asarray(array, order="C") for name, array in feeds.items()}
        binding, session, names, device = self._session.io_binding(), self._session, self._names, self._device
        places = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array, device, 0) for name, array in held.items()}
        for name, place in places.items():
            binding.bind_ortvalue_input(name, place)

        def step() -> Tensors:
            for name, place in places.items():
                place.update_inplace(held[name])
            # Bound anew for each call: else it writes into the outputs of its first run, whatever their size should be.
            binding.clear_binding_outputs()
            for name in names:
                binding.bind_output(name, device)
            session.run_with_iobinding(binding)
            return dict(zip(names, binding.copy_outputs_to_cpu(), strict=True))

        return step

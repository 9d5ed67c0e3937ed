"""Shows how far a build is."""

from __future__ import annotations

import time
from typing import Any

__all__ = ["trt_progress"]

_INTERVAL_S = 1.0


def trt_progress() -> Any:
    """Return a `tensorrt.IProgressMonitor` that prints the phase and its progress, once a second at most.

    What is printed is in the log of the build, and on the screen with `verbose=True`.
    """
    import tensorrt

    class Progress(tensorrt.IProgressMonitor):  # type: ignore[misc]  # frameworks are Any
        def __init__(self) -> None:
            tensorrt.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}
            self._told = time.monotonic()

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._steps[phase_name] = num_steps

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

        def step_complete(self, phase_name: str, step: int) -> bool:
            now = time.monotonic()
            if now - self._told >= _INTERVAL_S:
                self._told = now
                print(f"{phase_name}: {step} of {self._steps.get(phase_name, step)}", flush=True)
            return True  # go on; False would end the build

    return Progress()

"""What TensorRT says: printed, so that it is in the log of the step, and kept for messages."""

from __future__ import annotations

import functools
from typing import Any

__all__ = ["trt_logger"]

_SHOWN = ("INTERNAL_ERROR", "ERROR", "WARNING")


@functools.lru_cache(maxsize=1)
def trt_logger() -> Any:
    """Return the `tensorrt.ILogger` of this process, whose `errors` are what went wrong since they were cleared.

    One for all: TensorRT keeps to the first logger that it is given, and ignores those of later builders and runtimes.
    """
    import tensorrt

    class Logger(tensorrt.ILogger):  # type: ignore[misc]  # frameworks are Any
        def __init__(self) -> None:
            tensorrt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, text: str) -> None:
            if severity.name in _SHOWN:
                print(f"[TensorRT {severity.name.lower()}] {text}")
            if severity.name.endswith("ERROR"):
                self.errors.append(text)

    return Logger()

"""EngineError: an engine that cannot be built or run, with the fix."""

from __future__ import annotations

from navcore.errors import NavError

__all__ = ["EngineError"]


class EngineError(NavError):
    """TensorRT cannot build or run an engine as it was asked for."""

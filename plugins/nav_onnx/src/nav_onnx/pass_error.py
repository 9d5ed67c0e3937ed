"""PassError: a pass that cannot give what its name says."""

from __future__ import annotations

from navcore.errors import NavError

__all__ = ["PassError"]


class PassError(NavError):
    """A graph, or a precision of it, that a pass has tried and refuses to hand on."""

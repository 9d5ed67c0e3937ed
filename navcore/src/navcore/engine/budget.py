"""Budget: how the time of a run is shared out."""

from __future__ import annotations

import math
import time

import attrs

__all__ = ["Budget"]

_BUILDS = 0.5
_CHECKS = 0.75


@attrs.frozen
class Budget:
    """When each part of a run has to be over, by `time.monotonic()`.

    Builds may take half of the time, comparing ends at three quarters, and the rest is for measuring: routes are
    tried from the shortest on, so what the time does not reach is what takes the most steps.

    Attributes:
        start: When the run began.
        seconds: Time for all of it; None: no limit.
    """

    start: float
    seconds: float | None

    @staticmethod
    def of(seconds: float | None) -> Budget:
        """Return a budget that begins now."""
        return Budget(time.monotonic(), seconds)

    @property
    def builds(self) -> float:
        """When no further build begins."""
        return self._at(_BUILDS)

    @property
    def checks(self) -> float:
        """When no further trial is compared."""
        return self._at(_CHECKS)

    @property
    def end(self) -> float:
        """When measuring stops."""
        return self._at(1.0)

    def _at(self, share: float) -> float:
        return math.inf if self.seconds is None else self.start + share * self.seconds

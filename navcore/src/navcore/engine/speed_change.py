"""speed_change(): how much slower or faster something became from one run to another, measured hours apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum

import attrs
import numpy as np

from navcore.domain import Measurement
from navcore.engine.statistics import SMALLEST, interval, noise, paired

__all__ = ["DISTURBED", "SpeedChange", "Trend", "ground_lost", "speed_change"]

Rounds = tuple[Sequence[float], Sequence[float]]

DISTURBED = 2.0
"""What one busy neighbour makes of a machine: half of it."""

_LARGEST = 700.0  # the exponential of more is no float


class Trend(str, Enum):
    """What a change of speed says."""

    FASTER = "faster"
    SAME = "same"
    SLOWER = "slower"
    UNSURE = "can't tell"

    def __str__(self) -> str:
        return self.value


@attrs.frozen
class SpeedChange:
    """Time of one call in a later run against that in an earlier one.

    Attributes:
        batch_size: Where; None where the model has no batch axis.
        before_ms, after_ms: The median block of each run.
        ratio: Time after / time before: above 1 is slower.
        low, high: Its 95 % interval, from the intervals of the two medians.
        trend: Slower or faster where the whole interval is, by more than the tolerance; the same where the ratio is
            within the tolerance and the interval within twice as much.
        reason: Why nothing can be told; empty where something can.
    """

    batch_size: int | None
    before_ms: float
    after_ms: float
    ratio: float
    low: float
    high: float
    trend: Trend
    reason: str = ""


def speed_change(before: Measurement, after: Measurement, tolerance: float) -> SpeedChange:
    """Return how the time of a call changed.

    The two runs had no rounds in common, so that blocks cannot be paired: what the machine did meanwhile counts in
    full. The intervals of the two medians are put together, and the tolerance is what the machine may make of it. Where
    one of them alone is wider than that, the machine was disturbed, and only what is beyond `DISTURBED` is slower.

    Args:
        before, after: At the same batch size.
        tolerance: Relative difference that means nothing between runs; 0.1 is 10 %.
    """
    first, second = before.blocks_ms, after.blocks_ms
    if not all(math.isfinite(block) and block > 0 for block in (*first, *second)):
        return _unsure(before, after, "a block took a time that no clock gives")
    fewest = min(len(first), len(second))
    if fewest < SMALLEST:
        return _unsure(before, after, f"only {fewest} rounds were measured; an interval takes {SMALLEST}")
    ratio, low, high = _quotient(_median(second), _median(first))
    trend, reason = _trend(ratio, low, high, tolerance), ""
    noisy = max(noise(first), noise(second)) > tolerance and low <= DISTURBED * (1 + tolerance)
    if trend is Trend.UNSURE or (trend is Trend.SLOWER and noisy):
        trend, reason = Trend.UNSURE, "the measurements are too noisy to tell"
    return SpeedChange(before.batch_size, _median(first)[0], _median(second)[0], ratio, low, high, trend, reason)


def ground_lost(before: Rounds, after: Rounds) -> tuple[float, float, float]:
    """Return by what factor something became slower than what was measured beside it, with the 95 % interval.

    The two shared their rounds, so that a machine that became slower for both alike cancels out.

    Args:
        before, after: Of each run: blocks of the one that was beside it, and its own.
    """
    first, second = (paired(*rounds) for rounds in (before, after))
    if min(len(first), len(second)) < SMALLEST:
        return 1.0, 0.0, math.inf
    return _quotient(_median(second), _median(first))


def _median(blocks: Sequence[float]) -> tuple[float, float, float]:
    return (float(np.median(blocks)), *interval(blocks))


def _quotient(top: tuple[float, float, float], bottom: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return a quotient of two independent estimates (value, low, high) with its interval.

    Logarithms make it a difference, whose interval comes from the two given ones (MOVER: Zou and Donner, Statistics in
    Medicine 27, 2008): the distances to their ends are added as squares. Ends may lie unevenly, and nothing is
    assumed of the distributions.
    """
    (over, over_low, over_high), (under, under_low, under_high) = (
        tuple(math.log(value) for value in estimate) for estimate in (top, bottom)
    )
    middle = over - under
    below = math.hypot(over - over_low, under_high - under)
    above = math.hypot(over_high - over, under - under_low)
    return _exp(middle), _exp(middle - below), _exp(middle + above)


def _exp(value: float) -> float:
    return math.exp(max(-_LARGEST, min(value, _LARGEST)))


def _trend(ratio: float, low: float, high: float, tolerance: float) -> Trend:
    allowed = 1 + tolerance
    if low > allowed:
        return Trend.SLOWER
    if ratio > allowed or high > 1 + 2 * tolerance:
        return Trend.UNSURE
    return Trend.FASTER if high < 1 / allowed else Trend.SAME


def _unsure(before: Measurement, after: Measurement, reason: str) -> SpeedChange:
    ratio = after.p50_ms / before.p50_ms
    return SpeedChange(before.batch_size, before.p50_ms, after.p50_ms, ratio, 0.0, math.inf, Trend.UNSURE, reason)

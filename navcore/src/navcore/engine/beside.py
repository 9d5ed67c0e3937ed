"""excuse(): what was measured beside something shows whether it became slower, or the machine did."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from navcore.domain import Measurement
from navcore.engine.speed_change import DISTURBED, SpeedChange, Trend, ground_lost

__all__ = ["Beside", "excuse"]


@attrs.frozen
class Beside:
    """Something else that both runs measured, at the same batch size or at another one.

    Attributes:
        name: Route and runner.
        before, after: Its measurements at one batch size.
        change: Between them.
    """

    name: str
    before: Measurement
    after: Measurement
    change: SpeedChange


def excuse(
    change: SpeedChange, before: Measurement, after: Measurement, others: Sequence[Beside], tolerance: float
) -> str:
    """Return why a slower time may be no fault of what was timed, as the end of a sentence; empty where it is one.

    The machine, or the model itself, is held responsible where anything beside it became slower by as much: in the
    same rounds, or at another batch size by more than the tolerance. Measured on identical runs of a small ONNX model
    on two cores that others used too: of 28 pairs 22 looked like regressions without this and the rule about noise, 4
    with them. On the same cores with less else to do it was none of 45, and in each of those the later run with all
    times of its pick multiplied by 1.5 was one. The rules were chosen by these runs, so others may fare worse.

    Args:
        change: From one measurement to the other; its trend is slower.
        before, after: The measurements.
        others: What else was measured, each in both runs.
        tolerance: Relative difference that means nothing between runs.
    """
    for other in sorted(others, key=lambda other: -other.change.ratio):
        if _as_much(change, before, after, other, tolerance):
            size = "" if other.change.batch_size == change.batch_size else f" at batch size {other.change.batch_size}"
            return (
                f"but so does {other.name} ({other.change.ratio:.2f} times{size}): the machine has become slower, or "
                "the model itself; measure both again, one right after the other"
            )
    if change.low > DISTURBED * (1 + tolerance) or any(_shows(change, other) for other in others):
        return ""
    return "and nothing that was measured beside it in both runs shows whether the machine became slower"


def _as_much(change: SpeedChange, before: Measurement, after: Measurement, other: Beside, tolerance: float) -> bool:
    """Whether the other became slower too, and what is asked about not surely more than that."""
    if other.change.batch_size != change.batch_size:
        return other.change.trend is Trend.SLOWER and change.low <= other.change.high * (1 + tolerance)
    if other.change.low <= 1:
        return False
    first, second = (other.before.blocks_ms, before.blocks_ms), (other.after.blocks_ms, after.blocks_ms)
    return ground_lost(first, second)[1] <= 1 + tolerance


def _shows(change: SpeedChange, other: Beside) -> bool:
    """Whether the other says something about the machine at that batch size."""
    return other.change.batch_size == change.batch_size and other.change.trend is not Trend.UNSURE

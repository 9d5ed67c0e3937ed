"""Numbers as people read them: three figures, the batch size beside them, and `tie` where a ratio says nothing."""

from __future__ import annotations

import math

from navcore.domain import Agreement, Measurement, Ratio, Verdict

__all__ = ["at_batch", "count", "error", "latency", "number", "seconds", "speed", "throughput"]


def number(value: float) -> str:
    """Return a number from 0 to three figures or more: `0.0123`, `1.23`, `12.3`, `123`, `12,345`, `123k`, `12,345M`."""
    if not math.isfinite(value):
        return str(value)
    if value >= 1e5:
        return f"{value / 1e3:,.0f}k" if value < 1e8 else f"{value / 1e6:,.0f}M"
    if 0 < value < 1:
        return f"{value:.{2 - math.floor(math.log10(value))}f}" if value >= 1e-4 else f"{value:.2e}"
    return f"{value:,.{max(0, 3 - len(str(int(value))))}f}"


def count(amount: int, noun: str) -> str:
    """Return `1 build` or `2 builds`."""
    return f"{amount} {noun}{'' if amount == 1 else 's'}"


def seconds(value: float) -> str:
    """Return a duration: `0.31 s`, `12 s`, `2 min 5 s`."""
    if value < 10:
        return f"{value:.2g} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def error(agreement: Agreement | None) -> str:
    """Return the worst absolute error of all outputs, `exact` where there is none."""
    if agreement is None or not agreement.outputs:
        return "-"
    errors = [output.max_abs for output in agreement.outputs]
    worst = math.nan if any(map(math.isnan, errors)) else max(errors)
    if worst == 0:
        return "exact" if agreement.within else "differs"
    return f"{worst:.1e}"


def at_batch(text: str, batch_size: int | None) -> str:
    """Return the text with the batch size at which it was measured: `12.3 @8`."""
    return text if batch_size is None else f"{text} @{batch_size}"


def latency(measurement: Measurement, noisy_above: float) -> str:
    """Return the median latency and its batch size, with `~` where the measurement is noisier than the limit."""
    mark = "~" if measurement.noise > noisy_above else ""
    return at_batch(mark + number(measurement.p50_ms), measurement.batch_size)


def throughput(measurement: Measurement) -> str:
    """Return inferences per second and their batch size."""
    return at_batch(number(measurement.throughput), measurement.batch_size)


def speed(ratio: Ratio) -> str:
    """Return the speed against the source with its interval, or `tie` where that tells nothing."""
    if ratio.verdict is Verdict.TIE:
        return "tie"
    value, low, high = (f"{part:.2f}" if part < 10 else number(part) for part in (ratio.value, ratio.low, ratio.high))
    return f"{value}x [{low}, {high}]"

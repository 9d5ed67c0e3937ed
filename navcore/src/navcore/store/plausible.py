"""Whether the numbers in a record are such as clocks and counters give, so that others can divide, sort and print them.

Agreements are left out: their numbers may be infinite or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from navcore.domain import Measurement, PackageStatus, Ratio, TrialResult

__all__ = ["implausible"]

_MOST = 1e15
"""Milliseconds of 30,000 years, and bytes of a thousand terabytes."""


def implausible(status: PackageStatus) -> Iterator[str]:
    """Yield a sentence for every part of the record whose numbers nothing measures."""
    durations = [status.duration_s, *(build.duration_s for build in status.builds)]
    if not _counted(durations):
        yield "has durations that no clock gives"
    for trial in (*status.trials, *(choice.trial for choice in status.choices)):
        if not _is_plausible(trial):
            yield f"has measurements of {trial.route} on {trial.runner} that no clock gives"
    if not all(_is_measurement(choice.measurement) for choice in status.choices):
        yield "has a choice by a measurement that no clock gives"
    if not all(_is_ratio(found.ratio) and _counted([found.batch_size]) for found in status.noise_floors):
        yield "has a noise floor that no clock gives"
    sizes = [summary.batch_size for summary in status.samples]
    shapes = [size for summary in status.samples for _, shape in summary.shapes for size in shape]
    if not _counted([*sizes, *shapes]):
        yield "has samples of sizes that no array has"


def _is_plausible(trial: TrialResult) -> bool:
    counts = (
        *(trial.hops, trial.load_s, trial.first_call_s, trial.memory_bytes, trial.device_memory_bytes),
        *(trial.cpu_use, trial.cpus),
        *(
            value
            for load in trial.loads
            for value in (load.batch_size, load.in_flight, load.threads, load.calls, load.streams)
        ),
    )
    rates = [value for load in trial.loads for value in (load.throughput, load.p50_ms, load.p99_ms, load.instances)]
    batch_sizes = trial.agreement.batch_sizes if trial.agreement is not None else ()
    measured = all(map(_is_measurement, trial.measurements))
    return _counted(counts) and _positive(rates) and _counted(batch_sizes) and measured


def _is_measurement(found: Measurement) -> bool:
    latencies = (found.mean_ms, found.p50_ms, found.p90_ms, found.p95_ms, found.p99_ms, *found.blocks_ms)
    optional = (found.batch_size, found.std_ms, found.low_ms, found.high_ms, found.calls, found.calls_per_sample)
    return (
        _positive((*latencies, found.throughput))
        and _counted((*optional, *found.samples_ms))
        and found.noise >= 0
        and (found.ratio is None or _is_ratio(found.ratio))
    )


def _is_ratio(ratio: Ratio) -> bool:
    return _positive((ratio.value, ratio.low, ratio.high)) and _counted([ratio.floor])


def _positive(values: Iterable[float]) -> bool:
    return all(0 < value < _MOST for value in values)


def _counted(values: Iterable[float | None]) -> bool:
    return all(value is None or 0 <= value < _MOST for value in values)

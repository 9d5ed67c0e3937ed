"""A trial in full, as labels and values: agreement per output, speed per batch size, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator

from navcore.domain import Load, Measurement, OutputAgreement, TrialResult
from navcore.report import figures
from navcore.store.size import size_text

__all__ = ["trial_facts"]


def trial_facts(trial: TrialResult) -> Iterator[tuple[str, str]]:
    """Yield label and value of everything that is known about a trial, in order."""
    yield "tool", trial.runner
    if trial.precision is not None:
        yield "precision", f"lowered to {trial.precision}"
    if trial.deprecated:
        yield "deprecated", "it uses what its framework is about to drop"
    if trial.load_s is not None:
        yield "load", figures.seconds(trial.load_s)
    if trial.first_call_s is not None:
        yield "first call", figures.seconds(trial.first_call_s)
    if trial.memory_bytes is not None:
        yield "memory", f"{size_text(trial.memory_bytes)} more in its process at the peak"
    if trial.device_memory_bytes is not None:
        yield "device memory", f"{size_text(trial.device_memory_bytes)} more"
    if trial.device_clock_mhz is not None:
        yield "device clock", f"{trial.device_clock_mhz:.0f} MHz while it was timed"
    if trial.cpu_use is not None:
        yield "CPU", f"{trial.cpu_use:.1f} CPUs busy while it was timed, of {trial.cpus} that it may use"
    if trial.agreement is not None:
        yield "max error", figures.error(trial.agreement)
        for output in trial.agreement.outputs:
            yield f"output {output.name}", _output(output)
    if trial.metric is not None:
        yield "metric", f"{trial.metric:.6g}"
    for measurement in trial.measurements:
        yield "speed", _speed(measurement)
    for load in trial.loads:
        yield ("fewer threads", _alone(load)) if load.is_alone and load.threads else ("several calls", _load(load))
    for note in (*trial.runtime_notes, *trial.notes):
        yield "note", note


def _output(output: OutputAgreement) -> str:
    if output.equal_rate == 1.0:
        return "exact"
    told = [
        f"max error {output.max_abs:.1e} ({output.max_rel:.1e} of the largest value)",
        f"mean error {output.mean_abs:.1e}",
        f"cosine {output.cosine:.7f}",
        f"SNR {output.snr_db:.0f} dB",
    ]
    if output.top1 is not None:
        told.append(f"top-1 agrees in {output.top1:.2%} of the rows")
    return ", ".join(told) + ("" if output.within else "; outside the tolerance")


def _speed(found: Measurement) -> str:
    text = f"{figures.number(found.p50_ms)} ms"
    if found.low_ms is not None and found.high_ms is not None:
        text += f" (median block [{figures.number(found.low_ms)}, {figures.number(found.high_ms)}]"
        text += f", p99 {figures.number(found.p99_ms)})"
    text += f", {figures.number(found.throughput)} inf/s"
    if found.batch_size is not None:
        text += f" at batch size {found.batch_size}"
    if found.ratio is not None:
        text += f", {found.ratio.verdict} against the source: {found.ratio.value:.2f}x"
        text += f" [{found.ratio.low:.2f}, {found.ratio.high:.2f}]"
    return text + ("; ended early, it could not win" if found.dropped else "")


def _alone(load: Load) -> str:
    size = "" if load.batch_size is None else f" at batch size {load.batch_size}"
    assert load.threads is not None
    return (
        f"on {figures.count(load.threads, 'thread')}{size}: {figures.number(load.p50_ms)} ms, "
        f"{figures.number(load.throughput)} inf/s"
    )


def _load(load: Load) -> str:
    size = "" if load.batch_size is None else f" of batch size {load.batch_size}"
    threads = "" if load.threads is None else f" with {figures.count(load.threads, 'thread')} each"
    threads += "" if load.streams is None else f" with {figures.count(load.streams, 'stream')}"
    return (
        f"{load.in_flight} in flight{size} on {figures.count(load.instances, 'instance')}{threads}: "
        f"{figures.number(load.throughput)} inf/s, p50 {figures.number(load.p50_ms)} ms, p99 "
        f"{figures.number(load.p99_ms)} ms"
    )

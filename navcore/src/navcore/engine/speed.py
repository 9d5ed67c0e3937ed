"""measure_all(): one batch size after the other, all candidates side by side."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs
import numpy as np

from navcore.contracts import Tensors
from navcore.domain import BatchMeasured, Event, Notice, StepStarted
from navcore.engine.budget import Budget
from navcore.engine.candidate import Candidate
from navcore.engine.capture import captured
from navcore.engine.check import Bench
from navcore.engine.failures import StepFailed
from navcore.engine.machine import MachineWatch, cpu_limit
from navcore.engine.measure import measure_round_robin
from navcore.engine.race import Pace
from navcore.engine.shapes import resized
from navcore.engine.sweep import Sweep, batch_sizes
from navcore.store.journal import Journal

__all__ = ["measure_all", "sized"]


def measure_all(
    sweeps: Sequence[Sweep],
    candidates: Mapping[str, Candidate],
    baseline: str | None,
    bench: Bench,
    journal: Journal,
    budget: Budget,
    emit: Callable[[Event], None],
    timed_inputs: Tensors | None,
) -> None:
    """Measure one batch size after the other, from the first that the journal does not have.

    Args:
        sweeps, candidates: Who takes part; measurements are added to the sweeps and to the journal.
        baseline: Name of the one that the others are compared with.
        bench, journal, budget, emit: As for `run_trials`.
        timed_inputs: The sample that is timed, at any batch size; None: the first one of the source.
    """
    watch = MachineWatch.begin(bench.fleet.processes())
    random = np.random.default_rng(bench.request.seed)
    log = bench.workspace.log("measure")
    inputs = timed_inputs or bench.source.samples[0].inputs
    for size in itertools.islice(_sizes(bench), journal.measured, None):
        alive = tuple(sweep.name for sweep in sweeps if not sweep.ended)
        if not alive or (time.monotonic() > budget.end and journal.measured):
            break
        emit(StepStarted("measure", f"batch size {size}" if size else "one sample"))
        feeds = _fitting(bench, inputs, size)
        if feeds is None:
            for sweep in sweeps:
                sweep.stop(f"batch size {size} does not fit into memory: its inputs alone take too much")
                _note(sweep, candidates[sweep.name], journal)
            break
        with captured(log, echo=bench.verbose):
            rounds = measure_round_robin(
                sweeps,
                feeds,
                size,
                bench.request.profile,
                baseline=baseline,
                random=random,
                deadline=budget.end,
                pace=Pace.of(bench.request.profile, bench.request.measure),
            )
        for sweep in sweeps:
            _note(sweep, candidates[sweep.name], journal)
        if rounds.floor is not None:
            journal.noise_floors.append(rounds.floor)
        journal.measured += 1
        journal.ended = [sweep.name for sweep in sweeps if sweep.ended]
        journal.write()
        emit(BatchMeasured(size, alive, rounds.count))
    for warning in (*watch.warnings(bench.fleet.processes()), cpu_limit()):
        if warning and warning not in journal.warnings:
            journal.warnings.append(warning)
            emit(Notice(warning))


def _note(sweep: Sweep, candidate: Candidate, journal: Journal) -> None:
    result = journal.trials[sweep.name]
    cpu_use, clock, told = result.cpu_use, result.device_clock_mhz, result.runtime_notes
    if sweep.measurements and sweep.failure is None:
        with contextlib.suppress(StepFailed):  # a neighbour may have taken its worker down
            used = candidate.usage()
            cpu_use, clock = used.cpu_use or cpu_use, used.device_clock_mhz or clock
            told = used.notes or told
    journal.trials[sweep.name] = attrs.evolve(
        result,
        measurements=tuple(sweep.measurements),
        notes=tuple(sweep.notes),
        cpu_use=cpu_use,
        device_clock_mhz=clock,
        runtime_notes=told,
    )


def sized(bench: Bench, inputs: Tensors, size: int | None) -> Tensors:
    """Return inputs at a batch size; as they are where there is none."""
    signature = bench.source.model.signature
    batched = [spec.name for spec in signature.inputs if signature.batched(spec.name)]
    return resized(inputs, batched, size) if size is not None else inputs


def _sizes(bench: Bench) -> Iterator[int | None]:
    signature = bench.source.model.signature
    if any(signature.batched(spec.name) for spec in signature.inputs):
        yield from batch_sizes(bench.request.profile)
    else:
        yield None


def _fitting(bench: Bench, inputs: Tensors, size: int | None) -> Tensors | None:
    """Return the inputs at a batch size; None where the machine does not have the memory for two of them."""
    import psutil

    rows = max((len(array) for array in inputs.values() if array.ndim), default=1)
    wanted = sum(array.nbytes for array in inputs.values()) * (size or rows) // max(rows, 1)
    if 2 * wanted > psutil.virtual_memory().available:  # workers get a copy
        return None
    try:
        return sized(bench, inputs, size)
    except MemoryError:
        return None

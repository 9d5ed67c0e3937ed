"""try_threads(): are the best artifacts faster on fewer threads than there are CPUs?"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs
import numpy as np

from navcore.contracts import Model, Runner, Tensors
from navcore.cpus import thread_counts
from navcore.domain import BuildResult, DeviceKind, Event, Load, Measurement, StepStarted, Verdict
from navcore.engine.budget import Budget
from navcore.engine.build import model_of
from navcore.engine.candidate import Candidate
from navcore.engine.capture import captured
from navcore.engine.check import Bench
from navcore.engine.failures import StepFailed
from navcore.engine.instance import opened_with
from navcore.engine.measure import measure_round_robin
from navcore.engine.plan import Plan, Trial
from navcore.engine.race import Pace
from navcore.engine.speed import sized
from navcore.engine.sweep import Sweep
from navcore.errors import any_failure, first_line
from navcore.store.journal import Journal

__all__ = ["try_threads"]

_ALL = "all threads"
_WORTH_IT = 1.02
"""Less is not worth a setting of its own."""


def try_threads(
    sweeps: Sequence[Sweep],
    candidates: Mapping[str, Candidate],
    plan: Plan,
    builds: Sequence[BuildResult],
    bench: Bench,
    journal: Journal,
    budget: Budget,
    emit: Callable[[Event], None],
    timed_inputs: Tensors | None,
) -> None:
    """Measure the artifact with the shortest latency, and that with the most throughput, on fewer threads too.

    Each at the batch size at which it is best, beside itself on all threads, in interleaved blocks. What is faster
    beyond doubt becomes a `Load` of one call at a time; the rest, a note. Only runners with an option `threads` that is
    left open have anything to try, and only on the CPU.

    Args:
        sweeps, candidates: Who was measured.
        plan, builds: What they are.
        bench, journal, budget, emit: As for `run_trials`; what was found is in the journal.
        timed_inputs: As for `run_trials`.
    """
    counts = thread_counts() if bench.request.device is DeviceKind.CPU else ()
    trials = {trial.subject: trial for trial in plan.trials}
    able = [sweep for sweep in sweeps if sweep.measurements and counts and _is_open(trials[sweep.name])]
    if not able:
        return
    by_route = {build.route: build for build in builds}
    inputs = timed_inputs or bench.source.samples[0].inputs
    for sweep, wanted in _finalists(able):
        if time.monotonic() > budget.end:
            break
        trial = trials[sweep.name]
        model = model_of(by_route.get(trial.route.id), bench.source, bench.workspace)
        emit(StepStarted("measure", f"{sweep.name} on fewer threads"))
        with captured(bench.workspace.log("measure"), echo=bench.verbose), contextlib.ExitStack() as stack:
            found, told = _tried(
                candidates[sweep.name], trial.runner, model, counts, wanted, bench, budget, inputs, stack
            )
        result = journal.trials[sweep.name]
        journal.trials[sweep.name] = attrs.evolve(
            result, loads=(*result.loads, *found), runtime_notes=tuple(dict.fromkeys((*result.runtime_notes, *told)))
        )
        journal.write()


def _is_open(trial: Trial) -> bool:
    """Return whether there is an option `threads` that nobody has set."""
    runner = trial.runner
    return not runner.accepts.live and getattr(runner, "threads", 0) is None


def _finalists(able: Sequence[Sweep]) -> list[tuple[Sweep, list[Measurement]]]:
    """Return who is tried, each with the measurements to compare with."""
    quickest = min(able, key=lambda sweep: min(found.p50_ms for found in sweep.measurements))
    busiest = max(able, key=lambda sweep: max(found.throughput for found in sweep.measurements))
    wanted: dict[str, tuple[Sweep, list[Measurement]]] = {}
    for sweep, found in (
        (quickest, min(quickest.measurements, key=lambda each: each.p50_ms)),
        (busiest, max(busiest.measurements, key=lambda each: each.throughput)),
    ):
        _, measurements = wanted.setdefault(sweep.name, (sweep, []))
        if found not in measurements:
            measurements.append(found)
    return list(wanted.values())


def _tried(
    candidate: Candidate,
    runner: Runner,
    model: Model,
    counts: Sequence[int],
    wanted: Sequence[Measurement],
    bench: Bench,
    budget: Budget,
    inputs: Tensors,
    stack: contextlib.ExitStack,
) -> tuple[list[Load], list[str]]:
    others: dict[int, Candidate] = {}
    notes: list[str] = []
    for count in counts:
        try:
            others[count] = opened_with({"threads": count}, runner.name, runner, model, bench, stack)
        except StepFailed as error:
            notes.append(f"{_words(count)}: {error.failure.reason}")
        except any_failure() as error:  # a stranger's runtime may raise anything
            notes.append(f"{_words(count)}: {type(error).__name__}: {first_line(error)}")
    loads: list[Load] = []
    for known in wanted if others else ():
        for count, found in _beside(candidate, others, known, bench, budget, inputs):
            assert found.ratio is not None
            notes.append(_note(count, found))
            if found.ratio.verdict is Verdict.FASTER and found.ratio.value > _WORTH_IT:
                loads.append(_load(count, known, found))
    return loads, notes


def _beside(
    candidate: Candidate,
    others: Mapping[int, Candidate],
    known: Measurement,
    bench: Bench,
    budget: Budget,
    inputs: Tensors,
) -> Iterator[tuple[int, Measurement]]:
    """Yield what each number of threads gave at a batch size, beside all threads."""
    base = Sweep(_ALL, candidate)
    sweeps = {count: Sweep(_words(count), other) for count, other in others.items()}
    profile = bench.request.profile
    measure_round_robin(
        (base, *sweeps.values()),
        sized(bench, inputs, known.batch_size),
        known.batch_size,
        profile,
        baseline=_ALL,
        random=np.random.default_rng(bench.request.seed),
        deadline=budget.end,
        pace=Pace.of(profile, bench.request.measure),
    )
    for count, sweep in sweeps.items():
        yield from ((count, found) for found in sweep.measurements if found.ratio is not None)


def _load(threads: int, known: Measurement, found: Measurement) -> Load:
    """Return the speed in proportion to what was measured beside the other candidates."""
    assert found.ratio is not None
    faster = found.ratio.value
    return Load(
        batch_size=known.batch_size,
        instances=1,
        in_flight=1,
        threads=threads,
        throughput=known.throughput * faster,
        p50_ms=known.p50_ms / faster,
        p99_ms=known.p99_ms / faster,
        calls=found.calls,
    )


def _note(threads: int, found: Measurement) -> str:
    assert found.ratio is not None
    size = f" at batch size {found.batch_size}" if found.batch_size else ""
    ratio = found.ratio
    return f"on {_words(threads)} {ratio.value:.2f} times as fast [{ratio.low:.2f}, {ratio.high:.2f}]{size}"


def _words(count: int) -> str:
    return f"{count} thread{'' if count == 1 else 's'}"

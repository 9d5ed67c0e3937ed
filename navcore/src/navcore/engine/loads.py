"""serve_all(): throughput with several calls at once, for the candidates that are left."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from navcore.contracts import Model, Runner, Tensors
from navcore.cpus import usable_cpus
from navcore.domain import BuildResult, Event, Load, StepStarted
from navcore.engine.budget import Budget
from navcore.engine.build import model_of
from navcore.engine.candidate import Candidate
from navcore.engine.capture import captured
from navcore.engine.check import Bench
from navcore.engine.failures import StepFailed
from navcore.engine.instance import opened_with
from navcore.engine.plan import Plan
from navcore.engine.serve import Served
from navcore.engine.speed import sized
from navcore.engine.sweep import Sweep
from navcore.errors import any_failure, first_line
from navcore.store.journal import Journal

__all__ = ["serve_all"]

_SECONDS = {"quick": 0.25, "thorough": 1.0}
_PASSES = 3
_FINALISTS = 3


@attrs.frozen
class _Setting:
    """One way to serve: see `Load`."""

    batch_size: int | None
    instances: int
    in_flight: int
    threads: int | None
    streams: int | None = None

    def __str__(self) -> str:
        calls = f"{self.in_flight} calls at once" if self.in_flight > 1 else "one call at a time"
        where = "one instance" if self.instances == 1 else f"{self.instances} instances"
        where += f" with {self.streams} streams" if self.streams else ""
        return f"{calls} on {where}" + (f" at batch size {self.batch_size}" if self.batch_size else "")


def serve_all(
    sweeps: Sequence[Sweep],
    candidates: Mapping[str, Candidate],
    plan: Plan,
    builds: Sequence[BuildResult],
    bench: Bench,
    journal: Journal,
    budget: Budget,
    emit: Callable[[Event], None],
    timed_inputs: Tensors | None,
    *,
    baseline: str | None,
) -> None:
    """Measure the three candidates with the most throughput, and the source, with several calls in flight.

    Nothing is done where the profile has no `concurrency`. Each number of calls is tried on one instance and, for an
    artifact, on as many instances as calls, which share the CPUs where the runner has an option `threads`, and on one
    instance with as many streams, where it has an option `streams`. One way is measured after the other, not
    interleaved, so that no more instances than one way needs are open at a time; one that fails is left out, with a
    note.

    Args:
        sweeps, candidates: Who was measured.
        plan, builds: What they are.
        bench, journal, budget, emit: As for `run_trials`; what was found is in the journal.
        timed_inputs: As for `run_trials`.
        baseline: The source; None: it is not measured.
    """
    wanted = bench.request.profile.concurrency
    measured = [sweep for sweep in sweeps if sweep.measurements]
    if not wanted or not measured:
        return
    measured.sort(key=lambda sweep: -max(found.throughput for found in sweep.measurements))
    by_route = {build.route: build for build in builds}
    trials = {trial.subject: trial for trial in plan.trials}
    inputs = timed_inputs or bench.source.samples[0].inputs
    finalists = measured[:_FINALISTS] + [sweep for sweep in measured[_FINALISTS:] if sweep.name == baseline]
    for sweep in finalists:
        if time.monotonic() > budget.end or journal.trials[sweep.name].loads:
            continue
        trial = trials[sweep.name]
        model = model_of(by_route.get(trial.route.id), bench.source, bench.workspace)
        emit(StepStarted("measure", f"{sweep.name} with several calls at once"))
        with captured(bench.workspace.log("measure"), echo=bench.verbose):
            loads, trouble = _serve(sweep, candidates[sweep.name], trial.runner, model, wanted, bench, inputs)
        result = journal.trials[sweep.name]
        notes = tuple(dict.fromkeys((*result.notes, *trouble)))  # a resumed run may have them
        journal.trials[sweep.name] = attrs.evolve(result, loads=loads, notes=notes)
        sweep.notes = list(notes)
        journal.write()


def _serve(
    sweep: Sweep,
    candidate: Candidate,
    runner: Runner,
    model: Model,
    wanted: Sequence[int],
    bench: Bench,
    inputs: Tensors,
) -> tuple[tuple[Load, ...], tuple[str, ...]]:
    """Return what every setting gave that worked, and a note about each that did not."""
    loads: list[Load] = []
    notes: list[str] = []
    for settings in _groups(sweep, runner, model, wanted):
        left = list(settings)
        while left:  # a failure may have taken the instances down, so what is left gets new ones
            try:
                with contextlib.ExitStack() as stack:
                    instances = _opened(left[0], sweep, candidate, runner, model, bench, stack)
                    while left:
                        loads.append(_load(left[0], _passes(left[0], instances, bench, inputs)))
                        left.pop(0)
            except StepFailed as error:
                notes.append(f"{left.pop(0)} failed: {error.failure.reason}")
            except any_failure() as error:  # a stranger's runtime may raise anything
                notes.append(f"{left.pop(0)} failed: {type(error).__name__}: {first_line(error)}")
    return tuple(loads), tuple(notes)


def _groups(sweep: Sweep, runner: Runner, model: Model, wanted: Sequence[int]) -> Iterator[Sequence[_Setting]]:
    """Yield what is measured on the same instances, in the order in which it is told."""
    busiest = max(sweep.measurements, key=lambda found: found.throughput)
    sizes = dict.fromkeys((sweep.measurements[0].batch_size, busiest.batch_size))
    options = attrs.fields_dict(type(runner))
    for calls in wanted:
        yield [_Setting(size, 1, calls, None) for size in sizes]
        if calls > 1 and not model.format.live:
            if "streams" in options and getattr(runner, "streams", None) is None:
                yield [_Setting(size, 1, calls, None, streams=calls) for size in sizes]
            threads = max(1, usable_cpus() // calls) if "threads" in options else None
            yield [_Setting(size, calls, calls, threads) for size in sizes]


def _opened(
    setting: _Setting,
    sweep: Sweep,
    candidate: Candidate,
    runner: Runner,
    model: Model,
    bench: Bench,
    stack: contextlib.ExitStack,
) -> list[Candidate]:
    """Return the instances of a setting, which the stack closes; the candidate itself where it is one."""
    told = {"threads": setting.threads, "streams": setting.streams}
    options: dict[str, Any] = {name: value for name, value in told.items() if value}
    if setting.instances == 1 and not options:
        return [candidate]
    return [opened_with(options, sweep.name, runner, model, bench, stack) for _ in range(setting.instances)]


def _passes(setting: _Setting, instances: Sequence[Candidate], bench: Bench, inputs: Tensors) -> list[Served]:
    first, *partners = instances
    first.bind(sized(bench, inputs, setting.batch_size))
    return [first.serve(partners, setting.in_flight, _SECONDS[bench.request.measure]) for _ in range(_PASSES)]


def _load(setting: _Setting, found: Sequence[Served]) -> Load:
    calls = np.concatenate([each.calls_ms for each in found])
    p50, p99 = (float(value) for value in np.percentile(calls, [50, 99]))
    rate = float(np.median([each.calls_per_s for each in found]))
    return Load(
        batch_size=setting.batch_size,
        instances=setting.instances,
        in_flight=setting.in_flight,
        threads=setting.threads,
        throughput=rate * (setting.batch_size or 1),
        p50_ms=p50,
        p99_ms=p99,
        calls=len(calls),
        streams=setting.streams,
    )

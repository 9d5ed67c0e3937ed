"""serve_all(): throughput with several calls at once, for the candidates that are left."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from navcore.contracts import Model, Runner, Tensors
from navcore.domain import BuildResult, Event, Load, StepStarted
from navcore.engine.budget import Budget
from navcore.engine.build import model_of
from navcore.engine.candidate import Candidate
from navcore.engine.capture import captured
from navcore.engine.check import Bench, close
from navcore.engine.failures import StepFailed
from navcore.engine.plan import Plan
from navcore.engine.serve import Served
from navcore.engine.speed import sized
from navcore.engine.sweep import Sweep
from navcore.errors import first_line
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
) -> None:
    """Measure the three candidates with the most throughput, and the source, with several calls in flight.

    Nothing is done where the profile has no `concurrency`. Each number of calls is tried on one instance and, for an
    artifact, on as many instances as calls, which share the CPUs where the runner has an option `threads`.

    Args:
        sweeps, candidates: Who was measured.
        plan, builds: What they are.
        bench, journal, budget, emit: As for `run_trials`; what was found is in the journal.
        timed_inputs: As for `run_trials`.
    """
    wanted = bench.request.profile.concurrency
    measured = [sweep for sweep in sweeps if sweep.measurements]
    if not wanted or not measured:
        return
    measured.sort(key=lambda sweep: -max(found.throughput for found in sweep.measurements))
    by_route = {build.route: build for build in builds}
    trials = {trial.subject: trial for trial in plan.trials}
    inputs = timed_inputs or bench.source.samples[0].inputs
    finalists = measured[:_FINALISTS] + [sweep for sweep in measured[_FINALISTS:] if trials[sweep.name].runner.plain]
    for sweep in finalists:
        if time.monotonic() > budget.end or journal.trials[sweep.name].loads:
            continue
        trial = trials[sweep.name]
        build = by_route.get(trial.route.id)
        model = bench.source.model if build is None else model_of(build, bench.source, bench.workspace)
        emit(StepStarted("measure", f"{sweep.name} with several calls at once"))
        with captured(bench.workspace.log("measure"), echo=bench.verbose):
            loads, trouble = _serve(sweep, candidates[sweep.name], trial.runner, model, wanted, bench, inputs)
        result = journal.trials[sweep.name]
        notes = tuple(dict.fromkeys((*result.notes, *([trouble] if trouble else []))))  # a resumed run may have it
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
) -> tuple[tuple[Load, ...], str]:
    """Return what every setting gave; and what went wrong, which ends it."""
    served: dict[_Setting, list[Served]] = {}
    random = np.random.default_rng(bench.request.seed)
    try:
        with contextlib.ExitStack() as stack:
            groups = dict(_opened(sweep, candidate, runner, model, wanted, bench, stack))
            served = {setting: [] for setting in groups}
            for _ in range(_PASSES):
                for place in random.permutation(len(groups)):
                    setting, (first, partners) = list(groups.items())[place]
                    first.bind(sized(bench, inputs, setting.batch_size))
                    found = first.serve(partners, setting.in_flight, _SECONDS[bench.request.measure])
                    served[setting].append(found)
    except StepFailed as error:
        return (), f"several calls at once failed: {error.failure.reason}"
    except (Exception, SystemExit) as error:  # a stranger's runtime may raise anything
        return (), f"several calls at once failed: {type(error).__name__}: {first_line(error)}"
    return tuple(_load(setting, found) for setting, found in served.items()), ""


Group = tuple[Candidate, list[Candidate]]


def _opened(
    sweep: Sweep,
    candidate: Candidate,
    runner: Runner,
    model: Model,
    wanted: Sequence[int],
    bench: Bench,
    stack: contextlib.ExitStack,
) -> Iterator[tuple[_Setting, Group]]:
    sizes = dict.fromkeys(
        (sweep.measurements[0].batch_size, max(sweep.measurements, key=lambda found: found.throughput).batch_size)
    )
    for calls in wanted:
        for size in sizes:
            yield _Setting(size, 1, calls, None), (candidate, [])
        if calls == 1 or model.format.live:
            continue
        threads = max(1, _cpus() // calls) if _has_threads(runner) else None
        options: dict[str, Any] = {"threads": threads} if threads else {}
        told = attrs.evolve(runner, **options)
        bench.fleet.adopt(told, runner)
        group = [
            bench.fleet.open(told, model, bench.request.device, bench.workspace.log("measure"), sweep.name)
            for _ in range(calls)
        ]
        for copy in group:
            stack.callback(close, copy, sweep.name)
        for size in sizes:
            yield _Setting(size, calls, calls, threads), (group[0], group[1:])


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
    )


def _has_threads(runner: Runner) -> bool:
    return "threads" in attrs.fields_dict(type(runner))


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

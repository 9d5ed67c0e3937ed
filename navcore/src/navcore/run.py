"""run(): the engine from end to end, behind `navcore.optimize`."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs

from navcore.contracts import CustomConfig, MetricFunction, Model, Runner, Tensors, VerifyFunction
from navcore.domain import (
    BuildResult,
    DeviceKind,
    Event,
    Failure,
    Notice,
    PackageStatus,
    Request,
    RunAborted,
    RunFinished,
    RunStarted,
    SampleSummary,
    Status,
    TrialResult,
)
from navcore.engine.budget import Budget
from navcore.engine.build import run_builds
from navcore.engine.candidate import Candidate
from navcore.engine.check import Bench, blank
from navcore.engine.choose import choose
from navcore.engine.describe import Source
from navcore.engine.fleet import Fleet
from navcore.engine.host import Limits
from navcore.engine.metric import metric_of
from navcore.engine.plan import Plan, Trial, make_plan
from navcore.engine.preflight import check_place, check_plan, check_timeouts, check_tolerance
from navcore.engine.recognise import recognise
from navcore.engine.reproduction import write_scripts
from navcore.engine.shelf import Shelf
from navcore.engine.signals import terminable
from navcore.engine.start import ModelStart, Start
from navcore.engine.trial import run_trials
from navcore.environment import environment
from navcore.errors import UsageError
from navcore.findings import DEFAULT_STRATEGIES, Package
from navcore.formats import Format
from navcore.options import configured, make_request
from navcore.plugins import load_plugins
from navcore.registry import Registry
from navcore.store.cache import open_cache
from navcore.store.journal import Journal, identity_of
from navcore.store.samples import SAMPLES, write_samples
from navcore.store.workspace import Workspace, open_workspace

__all__ = ["Conduct", "plan_for", "run", "run_from"]

_LOGGER = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class Conduct:
    """How a run is carried out, beside what is asked for.

    Attributes:
        workspace: Folder; None: `./navigator_workspace`.
        verbose: Whether to show what steps print.
        verify: The user's own check.
        metric: The user's measure of quality.
        quiet: Whether to show nothing.
        isolate: Whether tools that work on files run in workers.
        isolate_exports: Whether exports run in a worker too, where the plugin can hand the model over; None: where that
            is cheap.
        limits: Of a step in a worker.
        timeouts_s: Other timeouts by name of the tool.
        cache: Whether to use the artifact cache.
        budget_s: Time for the whole run; None: no limit.
        resume: Whether to go on with the interrupted run in the workspace.
    """

    workspace: Path | str | None = None
    verbose: bool = False
    verify: VerifyFunction | None = None
    metric: MetricFunction | None = None
    quiet: bool = False
    isolate: bool = True
    isolate_exports: bool | None = None
    limits: Limits = attrs.field(factory=lambda: Limits(1800.0))
    timeouts_s: Mapping[str, float] = attrs.field(factory=dict)
    cache: bool = True
    budget_s: float | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.gt(0)))
    resume: bool = False


def run(
    model: Any,
    dataloader: Iterable[Any] | None,
    conduct: Conduct,
    *,
    custom_configs: Sequence[CustomConfig] | None,
    source_format: Format | None,
    registry: Registry | None,
    **options: Any,
) -> Package:
    """Return what `navcore.optimize` returns; `options` are those of `navcore.options.make_request`."""
    registry = configured(registry or load_plugins(), custom_configs or ())
    source_kind, plugin = recognise(model, registry, source_format)
    return run_from(ModelStart(model, dataloader, source_kind, plugin), conduct, registry, **options)


def run_from(origin: Start, conduct: Conduct, registry: Registry, **options: Any) -> Package:
    """Return what a run from anything that gives a source finds; `options` are those of `make_request`."""
    start = time.perf_counter()
    budget = Budget.of(conduct.budget_s)
    request = make_request(registry, origin.format, **options)
    plan = origin.narrowed(make_plan(origin.format, registry, request))
    check_timeouts(conduct.timeouts_s, registry)
    check_plan(plan)
    if conduct.verify is not None and not callable(conduct.verify):
        raise UsageError(f"verify_func={conduct.verify!r} cannot be called", "pass a function of two iterables")
    hand_over, exports = origin.hand_over(bool(conduct.isolate_exports)), conduct.isolate_exports is not False
    cache = open_cache() if conduct.cache else None
    fingerprint = origin.fingerprint()
    isolate = conduct.isolate and os.name == "posix"  # workers are ended by process group
    fleet = Fleet(isolate, registry.origins, conduct.limits, conduct.timeouts_s, hand_over, exports)
    with open_workspace(conduct.workspace) as space, terminable(), closing(fleet):
        fleet.scratch = space.scratch_folder
        source = origin.source(request, _Reference(fleet, space, origin.format))
        source = _with_notices(plan, source, conduct)
        check_place(source, space)
        check_tolerance(request, source)
        timed = origin.timed_inputs(source, request)
        metric = metric_of(conduct.metric, request.max_metric_drop, source)
        journal, source = _journal(plan, source, request, space, conduct, timed, fingerprint)
        source = origin.settled(source, space)
        fleet.prepare(plan.tools_on_files())
        bench = Bench(source, space, fleet, request, conduct.verify, conduct.verbose, metric)
        facts = environment(registry)
        shelf = Shelf.of(cache, fingerprint, source.model, dict(facts))
        results = _Results(plan, journal, facts, metric.score if metric is not None else None)
        with _announced(registry, source, plan, space, quiet=conduct.quiet) as emit:
            try:
                _keep_samples(source, space)
                builds = run_builds(
                    plan,
                    source,
                    space,
                    fleet,
                    shelf,
                    journal,
                    emit,
                    facts=dict(facts),
                    deadline=budget.builds,
                    verbose=conduct.verbose,
                )
                run_trials(plan, builds, bench, journal, budget, emit, timed_inputs=timed)
                write_scripts(plan, bench, journal)
            except BaseException:
                fleet.close()  # before anything else: they may still be working
                with suppress(OSError):  # a full disk, perhaps: what broke the run off matters more
                    space.write_status(_status(source, request, results, time.perf_counter() - start))
                raise
            status = _status(source, request, results, time.perf_counter() - start)
            space.write_status(status)
            emit(RunFinished(status))
        return Package(status, space.root, source.model, registry)


def _keep_samples(source: Source, space: Workspace) -> None:
    """Write all samples down; where they cannot be written, the run goes on without."""
    try:
        write_samples(space, source.model.signature, ((sample.inputs, sample.outputs) for sample in source.samples))
    except OSError as error:
        shutil.rmtree(space.root / SAMPLES, ignore_errors=True)  # a full disk, perhaps: artifacts need the room
        _LOGGER.warning("the samples cannot be written, so a package of this run has none: %s", error)


def _with_notices(plan: Plan, source: Source, conduct: Conduct) -> Source:
    notices = []
    if plan.trials and not any(trial.route.is_source for trial in plan.trials):
        notices.append("none of the runners runs the source itself, so there is nothing to give speed against")
    if conduct.metric is not None and plan.trials and all(trial.precision is None for trial in plan.trials):
        notices.append("metric judges what lowers the precision, and nothing here does: pass precision='auto' as well")
    return attrs.evolve(source, notices=(*source.notices, *notices))


@attrs.frozen
class _Reference:
    """Opens the source, a file, in a worker for its reference run."""

    fleet: Fleet
    space: Workspace
    source: Format

    def __call__(self, runner: Runner, model: Model) -> Candidate:
        what = f"the reference run of the {self.source} file"
        return self.fleet.open(runner, model, DeviceKind.CPU, self.space.log("reference"), what)


def _journal(
    plan: Plan,
    source: Source,
    request: Request,
    space: Workspace,
    conduct: Conduct,
    timed: Tensors | None,
    fingerprint: str | None,
) -> tuple[Journal, Source]:
    """Return the journal of the run that is resumed, or a new one in a workspace that is cleared for it."""
    asked = attrs.evolve(request, profile=attrs.evolve(request.profile, dataloader=None))
    # A fingerprint tells one model from another. Without one the outputs do, though they may differ in their last bits.
    outputs = [] if fingerprint else [array for sample in source.samples for array in sample.outputs.values()]
    inputs = [array for sample in source.samples for array in sample.inputs.values()]
    said = (_said(conduct.verify), _said(conduct.metric))
    texts = (version("navcore"), str(source.model.signature), repr(asked), fingerprint or "", *said)
    identity = identity_of([*texts, repr(plan.builds), repr(plan.trials)], [*inputs, *outputs, *(timed or {}).values()])
    found = Journal.read(space.root, identity) if conduct.resume else None
    if found is not None:
        space.clear_scratch()  # what a killed run left there may be large
        return found, source
    space.clear()  # not before the model and its samples have proved to be usable
    if conduct.resume:
        notice = "there was no run of this model with these options to resume, so everything is done anew"
        source = attrs.evolve(source, notices=(*source.notices, notice))
    return Journal.begin(space.root, identity), source


def _said(function: VerifyFunction | MetricFunction | None) -> str:
    """Return a text that changes with the user's function: its name and its code."""
    name: str = getattr(function, "__qualname__", type(function).__name__)
    return f"{name} {_code_text(getattr(function, '__code__', None))}"


def _code_text(code: Any) -> str:
    """Return a text that changes with compiled code; code inside it prints as its address, so it is looked into."""
    if not hasattr(code, "co_code"):
        return repr(code)
    return f"{code.co_code.hex()} {code.co_names!r} {' '.join(map(_code_text, code.co_consts))}"


@attrs.frozen
class _Results:
    """The results so far; what the run did not reach is skipped."""

    plan: Plan
    journal: Journal
    environment: tuple[tuple[str, str], ...]
    metric: float | None

    def builds(self) -> tuple[BuildResult, ...]:
        found = self.journal.builds
        return tuple(
            found.get(build.route.id)
            or BuildResult(build.route.id, build.edge.name, Status.SKIPPED, 0.0, failure=_INTERRUPTED)
            for build in self.plan.builds
        )

    def trials(self) -> tuple[TrialResult, ...]:
        return tuple(self._trial(trial) for trial in self.plan.trials)

    def _trial(self, trial: Trial) -> TrialResult:
        found = self.journal.trials.get(trial.subject)
        if found is None or (found.status is Status.OK and not found.measurements):
            return attrs.evolve(found or blank(trial), status=Status.SKIPPED, failure=_INTERRUPTED)
        return found


_INTERRUPTED = Failure("interrupted", "the run ended before its turn", "run again with resume=True")


def plan_for(
    model: Any,
    *,
    custom_configs: Sequence[CustomConfig] | None,
    source_format: Format | None,
    registry: Registry | None,
    **options: Any,
) -> Plan:
    """Return what `run` would try."""
    registry = configured(registry or load_plugins(), custom_configs or ())
    source_kind, _ = recognise(model, registry, source_format)
    return make_plan(source_kind, registry, make_request(registry, source_kind, **options))


@attrs.frozen
class _Emit:
    """Tells every plugin that listens; none of them can disturb the run."""

    registry: Registry

    def __call__(self, event: Event) -> None:
        for plugin in self.registry.plugins:
            if "nav_event" in plugin.hooks:
                plugin.notify(event)


@contextmanager
def _announced(registry: Registry, source: Source, plan: Plan, space: Workspace, *, quiet: bool) -> Iterator[_Emit]:
    """Say that the run starts, and that it was broken off if it was."""
    emit = _Emit(registry)
    steps = len(plan.builds) + len(plan.trials)
    emit(RunStarted(source.title, source.model.signature, steps, plan.omissions, str(space.root), quiet))
    for text in source.notices:
        emit(Notice(text))
    try:
        yield emit
    except BaseException as error:
        emit(RunAborted(type(error).__name__))
        raise


def _status(source: Source, request: Request, results: _Results, duration_s: float) -> PackageStatus:
    created = datetime.now(timezone.utc) - timedelta(seconds=duration_s)
    plan, builds, trials = results.plan, results.builds(), results.trials()
    choice = choose(trials, DEFAULT_STRATEGIES)
    return PackageStatus(
        title=source.title,
        created=created.isoformat(timespec="seconds"),
        source=plan.source,
        signature=source.model.signature,
        environment=results.environment,
        request=request,
        samples=tuple(
            SampleSummary(
                tuple((name, array.shape) for name, array in sample.inputs.items()), sample.batch_size, sample.given
            )
            for sample in source.samples
        ),
        builds=builds,
        trials=trials,
        omissions=plan.omissions,
        choices=(choice,) if choice else (),
        notices=(*source.notices, *results.journal.warnings),
        duration_s=duration_s,
        noise_floors=tuple(results.journal.noise_floors),
        metric=results.metric,
    )

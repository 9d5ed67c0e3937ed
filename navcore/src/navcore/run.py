"""run(): the engine from end to end, behind `navcore.optimize`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import attrs

from navcore.contracts import CustomConfig, Description, Tensors, VerifyFunction
from navcore.domain import (
    BuildResult,
    Event,
    Notice,
    PackageStatus,
    Request,
    RunAborted,
    RunFinished,
    RunStarted,
    SampleSummary,
    TrialResult,
)
from navcore.engine.build import run_builds
from navcore.engine.choose import choose
from navcore.engine.describe import Source, describe
from navcore.engine.plan import Plan, make_plan
from navcore.engine.recognise import recognise
from navcore.engine.trial import run_trials
from navcore.environment import environment
from navcore.errors import DataloaderError
from navcore.formats import Format
from navcore.options import configured, make_request
from navcore.package import DEFAULT_STRATEGIES, Package
from navcore.plugins import load_plugins
from navcore.registry import Registry
from navcore.store.workspace import Workspace, open_workspace

__all__ = ["plan_for", "run"]


def run(
    model: Any,
    dataloader: Iterable[Any] | None,
    *,
    custom_configs: Sequence[CustomConfig] | None,
    workspace: Path | str | None,
    verbose: bool,
    verify: VerifyFunction | None,
    source_format: Format | None,
    quiet: bool,
    registry: Registry | None,
    **options: Any,
) -> Package:
    """Return what `navcore.optimize` returns; `options` are those of `navcore.options.make_request`."""
    start = time.perf_counter()
    registry = configured(registry or load_plugins(), custom_configs or ())
    source_kind, plugin = recognise(model, registry, source_format)
    request = make_request(registry, source_kind, **options)
    plan = make_plan(source_kind, registry, request)
    with open_workspace(workspace) as space:
        source = describe(model, dataloader, registry, request, source_format)
        timed = _timed_inputs(model, plugin.describe, source, request)
        space.clear()  # not before the model and its samples have proved to be usable
        with _announced(registry, source, plan, space, quiet=quiet) as emit:
            builds = run_builds(plan, source, space, emit, verbose=verbose)
            trials = run_trials(
                plan, builds, source, space, request, emit, verify=verify, verbose=verbose, timed_inputs=timed
            )
            status = _status(registry, source, plan, request, builds, trials, time.perf_counter() - start)
            space.write_status(status)
            emit(RunFinished(status))
        return Package(status, space.root, source.model, registry)


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


def _timed_inputs(
    model: Any, describe_sample: Callable[..., Description | None], source: Source, request: Request
) -> Tensors | None:
    """Return the first sample of the profile's own dataloader, if it has one."""
    dataloader: Any = request.profile.dataloader
    if dataloader is None:
        return None
    for sample in dataloader:
        described = describe_sample(model, sample, request.names)
        inputs = described.inputs if described else {}
        if set(inputs) != set(source.model.signature.input_names):
            raise DataloaderError(
                f"the profile's dataloader gives {', '.join(inputs)}; the main one "
                f"{', '.join(source.model.signature.input_names)}",
                "give both the same structure",
            )
        return inputs
    raise DataloaderError("optimization_profile.dataloader gave no samples", "give it one sample, or leave it out")


def _status(
    registry: Registry,
    source: Source,
    plan: Plan,
    request: Request,
    builds: tuple[BuildResult, ...],
    trials: tuple[TrialResult, ...],
    duration_s: float,
) -> PackageStatus:
    created = datetime.now(timezone.utc) - timedelta(seconds=duration_s)
    choice = choose(trials, DEFAULT_STRATEGIES)
    return PackageStatus(
        title=source.title,
        created=created.isoformat(timespec="seconds"),
        source=plan.source,
        signature=source.model.signature,
        environment=environment(registry),
        request=request,
        samples=tuple(
            SampleSummary(tuple((name, array.shape) for name, array in sample.inputs.items()), sample.batch_size)
            for sample in source.samples
        ),
        builds=builds,
        trials=trials,
        omissions=plan.omissions,
        choices=(choice,) if choice else (),
        notices=source.notices,
        duration_s=duration_s,
    )

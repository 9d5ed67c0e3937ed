"""optimize(): from a model and samples to a package, top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import attrs

from navcore.contracts import CustomConfig, Description, Runner, Tensors
from navcore.domain import (
    BuildResult,
    DeviceKind,
    Event,
    Notice,
    OptimizationProfile,
    PackageStatus,
    Request,
    RunAborted,
    RunFinished,
    RunStarted,
    SampleSummary,
    Tolerance,
    TrialResult,
)
from navcore.engine.build import run_builds
from navcore.engine.choose import choose
from navcore.engine.describe import Source, describe
from navcore.engine.plan import Plan, make_plan
from navcore.engine.recognise import recognise
from navcore.engine.trial import VerifyFunction, run_trials
from navcore.environment import environment
from navcore.errors import DataloaderError
from navcore.formats import Format
from navcore.keywords import checked_keywords
from navcore.options import configured, make_request
from navcore.package import DEFAULT_STRATEGIES, Package
from navcore.plugins import load_plugins
from navcore.registry import Registry
from navcore.store.workspace import Workspace, open_workspace

__all__ = ["make_run_plan", "optimize"]


@checked_keywords
def optimize(
    model: Any,
    dataloader: Iterable[Any] | None = None,
    *,
    sample_count: int = 100,
    batching: bool = True,
    target_formats: Sequence[Format | str] | None = None,
    target_device: DeviceKind | str | None = None,
    runners: Sequence[str | Runner] | None = None,
    optimization_profile: OptimizationProfile | None = None,
    workspace: Path | str | None = None,
    verbose: bool = False,
    debug: bool = False,
    verify_func: VerifyFunction | None = None,
    custom_configs: Sequence[CustomConfig] | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    model_precision: str | None = None,
    tolerance: Tolerance | Mapping[str, Tolerance] | None = None,
    max_hops: int = 4,
    seed: int = 0,
    source_format: Format | None = None,
    quiet: bool = False,
    registry: Registry | None = None,
) -> Package:
    """Try every way to run the model that the installed plugins make possible, and return what each one gave.

    Args:
        model: Any model that an installed plugin recognises; left as it was.
        dataloader: Samples, as the model takes them. The first `sample_count` are read, once. None only for a model
            file that declares its inputs, which are then made up with the seed.
        sample_count: Most samples compared.
        batching: Whether the first axis of the inputs is a batch, so that other batch sizes can be tried.
        target_formats: Formats to try besides the source; None: every one that can be reached.
        target_device: Device to run on; None: CUDA where a runner for it works here, or else the CPU.
        runners: Names of the runners to try; None: all that fit the device.
        optimization_profile: How candidates are measured; None: its defaults.
        workspace: Folder for artifacts, logs and results; None: `./navigator_workspace`. Earlier results in it are
            replaced; a folder with other contents is refused.
        verbose: Whether to show what exporters, converters and runtimes print, with tracebacks of failures.
        debug: The same as verbose.
        verify_func: Takes the candidate's outputs and the source's, an iterable of mappings each, and returns True
            where the candidate is good enough; one that is not is never selected.
        custom_configs: Options for the tools of single formats.
        input_names, output_names: Names in flattening order; None: the plugin's.
        model_precision: `fp32`, `fp16`, `bf16`, `int8`, `fp8`: sets the default tolerance; None: the outputs' dtypes.
        tolerance: For all outputs, or by output name; None: by precision, see docs/measuring.md.
        max_hops: Most edges in a route.
        seed: Of made-up inputs, of the order of measurements, and of the bootstrap.
        source_format: Take the model as this, whatever plugins claim.
        quiet: Whether to show nothing, neither progress nor summary.
        registry: Plugins to use; None: those installed.

    Raises:
        UsageError: Before anything is run: a name that does not exist, a model that nobody recognises, samples that
            the model refuses, a folder that is not ours.
    """
    start = time.perf_counter()
    registry = configured(registry or load_plugins(), custom_configs or ())
    source_kind, plugin = recognise(model, registry, source_format)
    request = make_request(
        registry,
        source_kind,
        target_formats=target_formats,
        runners=runners,
        device=target_device,
        batching=batching,
        sample_count=sample_count,
        max_hops=max_hops,
        profile=optimization_profile,
        tolerance=tolerance,
        precision=model_precision,
        input_names=input_names,
        output_names=output_names,
        seed=seed,
    )
    plan = make_plan(source_kind, registry, request)
    loud = verbose or debug
    with open_workspace(workspace) as space:
        source = describe(model, dataloader, registry, request, source_format)
        timed = _timed_inputs(model, plugin.describe, source, request)
        space.clear()  # not before the model and its samples have proved to be usable
        with _announced(registry, source, plan, space, quiet=quiet) as emit:
            builds = run_builds(plan, source, space, emit, verbose=loud)
            trials = run_trials(
                plan, builds, source, space, request, emit, verify=verify_func, verbose=loud, timed_inputs=timed
            )
            status = _status(registry, source, plan, request, builds, trials, time.perf_counter() - start)
            space.write_status(status)
            emit(RunFinished(status))
        return Package(status, space.root, source.model, registry)


@checked_keywords
def make_run_plan(
    model: Any,
    *,
    target_formats: Sequence[Format | str] | None = None,
    target_device: DeviceKind | str | None = None,
    runners: Sequence[str | Runner] | None = None,
    custom_configs: Sequence[CustomConfig] | None = None,
    max_hops: int = 4,
    source_format: Format | None = None,
    registry: Registry | None = None,
) -> Plan:
    """Return what `optimize` would try for the model with these options; nothing is built or run.

    Raises:
        UsageError: A name that does not exist, or a model that nobody recognises.
    """
    registry = configured(registry or load_plugins(), custom_configs or ())
    source_kind, _ = recognise(model, registry, source_format)
    request = make_request(
        registry, source_kind, target_formats=target_formats, runners=runners, device=target_device, max_hops=max_hops
    )
    return make_plan(source_kind, registry, request)


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

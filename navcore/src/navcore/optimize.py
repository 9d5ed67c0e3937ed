"""optimize(): from a model and samples to a package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from navcore.contracts import CustomConfig, MetricFunction, Runner, VerifyFunction
from navcore.domain import DeviceKind, OptimizationProfile, Tolerance
from navcore.errors import UsageError
from navcore.findings import Package
from navcore.formats import Format
from navcore.keywords import checked_keywords
from navcore.registry import Registry

if TYPE_CHECKING:
    from navcore.engine.plan import Plan

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
    precision: str | Sequence[str] | None = None,
    metric: MetricFunction | None = None,
    max_metric_drop: float = 0.01,
    build_only: bool = False,
    tolerance: Tolerance | Mapping[str, Tolerance] | None = None,
    measure: str = "quick",
    max_hops: int = 4,
    seed: int = 0,
    source_format: Format | None = None,
    quiet: bool = False,
    isolate: bool = True,
    isolate_exports: bool | None = None,
    timeout_s: float = 1800.0,
    tool_timeouts_s: Mapping[str, float] | None = None,
    memory_limit_bytes: int | None = None,
    budget_s: float | None = None,
    resume: bool = False,
    cache: bool = True,
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
        precision: What candidates may be lowered to: one or more of `fp16`, `bf16`, `fp8`, `int8`, `nvfp4`, or `auto`
            for everything that the tools here can do; each is compared with the tolerance of its precision. None and
            `fp32`: candidates keep the precision of the model.
        metric: Takes the outputs for every sample of the dataloader, in its order, and returns a number, higher is
            better. It decides about candidates that lower the precision, in place of the default tolerance.
        max_metric_drop: By how much they may be below the source, in the metric's own unit.
        build_only: Whether to build artifacts for every runner that is installed, also for those that cannot work on
            this machine, and run none of them: a package can be prepared here and measured on its target.
        tolerance: For all outputs, or by output name; None: by precision, see docs/measuring.md.
        measure: `quick`: candidates that cannot win stop early; `thorough`: nobody does, and everything takes longer.
        max_hops: Most edges in a route.
        seed: Of made-up inputs and of the order of measurements.
        source_format: Take the model as this, whatever plugins claim.
        quiet: Whether to show nothing, neither progress nor summary.
        isolate: Whether artifacts on disk are converted and run in worker processes, so that a crash or a hang costs
            one route and not the run. False: everything runs in this process, for debugging.
        isolate_exports: Whether exports run in a worker too, where the plugin can hand the live model over. None: where
            that is cheap.
        timeout_s: Longest wall time of one step in a worker.
        tool_timeouts_s: Other limits by the name of the exporter, converter or runner.
        memory_limit_bytes: Most resident memory of a worker and all that it starts; None: no limit.
        budget_s: Time for the whole run: short routes come first, what the time does not reach is skipped, and the
            best so far is returned. None: no limit.
        resume: Whether to go on with an interrupted run of the same model and options in the workspace.
        cache: Whether artifacts that were built before, from the same input by the same tools, are taken from the
            cache; `nav cache` shows it.
        registry: Plugins to use; None: those installed.

    Raises:
        UsageError: Before anything is run: a name that does not exist, a model that nobody recognises, samples that
            the model refuses, a folder that is not ours.
    """
    from navcore.engine.host import Limits  # the engine is loaded when it is needed: `import navcore` stays quick
    from navcore.run import Conduct, run

    try:
        conduct = Conduct(
            workspace=workspace,
            verbose=verbose or debug,
            verify=verify_func,
            metric=metric,
            quiet=quiet,
            isolate=isolate,
            isolate_exports=isolate_exports,
            cache=cache,
            limits=Limits(timeout_s, memory_limit_bytes),
            timeouts_s=dict(tool_timeouts_s or {}),
            budget_s=budget_s,
            resume=resume,
        )
    except (TypeError, ValueError) as error:
        raise UsageError(
            str(error).partition("\n")[0], "see help(navcore.optimize) for what each option takes"
        ) from error
    return run(
        model,
        dataloader,
        conduct,
        custom_configs=custom_configs,
        source_format=source_format,
        registry=registry,
        target_formats=target_formats,
        runners=runners,
        device=target_device,
        batching=batching,
        sample_count=sample_count,
        max_hops=max_hops,
        profile=optimization_profile,
        tolerance=tolerance,
        precision=model_precision,
        precisions=precision,
        max_metric_drop=max_metric_drop,
        build_only=build_only,
        input_names=input_names,
        output_names=output_names,
        seed=seed,
        measure=measure,
    )


@checked_keywords
def make_run_plan(
    model: Any,
    *,
    target_formats: Sequence[Format | str] | None = None,
    target_device: DeviceKind | str | None = None,
    runners: Sequence[str | Runner] | None = None,
    custom_configs: Sequence[CustomConfig] | None = None,
    precision: str | Sequence[str] | None = None,
    max_hops: int = 4,
    source_format: Format | None = None,
    registry: Registry | None = None,
) -> Plan:
    """Return what `optimize` would try for the model with these options; nothing is built or run.

    Raises:
        UsageError: A name that does not exist, or a model that nobody recognises.
    """
    from navcore.run import plan_for

    return plan_for(
        model,
        custom_configs=custom_configs,
        source_format=source_format,
        registry=registry,
        target_formats=target_formats,
        runners=runners,
        device=target_device,
        precisions=precision,
        max_hops=max_hops,
    )

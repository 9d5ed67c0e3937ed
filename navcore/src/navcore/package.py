"""`navcore.package`: save, load, optimise and profile what a run found.

package = nav.optimize(model, dataloader=[batch, ...])
nav.package.save(package, "model.nav")

package = nav.package.load("model.nav")                 # on any machine; runs nothing
with package.get_runner() as runner:
outputs = runner.infer({"input__0": array})
package = nav.package.optimize(package, workspace="here")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from navcore.contracts import CustomConfig, MetricFunction, Runner, Strategy, VerifyFunction
from navcore.domain import Choice, DeviceKind, OptimizationProfile, Tolerance
from navcore.findings import Package
from navcore.formats import Format
from navcore.keywords import checked_keywords
from navcore.registry import Registry

if TYPE_CHECKING:
    from navcore.profiling import ProfilingResults

__all__ = [
    "get_best_model_status",
    "load",
    "load_from_workspace",
    "optimize",
    "profile",
    "save",
    "set_verified",
]


@checked_keywords
def save(package: Package, path: Path | str, override: bool = False, save_data: bool = True) -> Path:
    """Write a package into one file, and return its absolute path.

    It holds what was exported from the source, or the source itself where that is a file; the artifacts with the most
    throughput and the shortest latency, with everything on their routes; all results, logs and scripts; and the
    samples with the outputs of the source. A package that was loaded is written with everything that it had.

    Args:
        package: From `optimize` or `load`.
        path: File to write, `model.nav` for example. It appears when it is complete.
        override: Whether an existing file may be replaced.
        save_data: Whether samples go into the file. Without them it can be run, and not optimised again.

    Raises:
        PackageFileError: The file exists, or cannot be written.
        WorkspaceError: Files of the package have changed since the run.
    """
    from navcore.packing import save as write

    return write(package, path, override=override, save_data=save_data)


@checked_keywords
def load(
    path: Path | str,
    workspace: Path | str | None = None,
    trust: str | None = None,
    *,
    registry: Registry | None = None,
) -> Package:
    """Read a package file; nothing in it is run, and no framework is imported.

    Artifacts that cannot be used here are in `package.unusable`, with the reason and the fix.

    Args:
        path: A file that `save` wrote, here or elsewhere.
        workspace: A new or empty folder to unpack into, which stays. None: a private one, removed with the package.
        trust: `"code"`: artifacts that can run code when they are opened, such as TorchScript, may be opened. None:
            they are passed over.
        registry: Plugins to use; None: those installed.

    Raises:
        PackageFileError: The file is damaged, unsafe, or of another schema; nothing is left of it.
        WorkspaceError: The folder is not empty.
        UnknownNameError: `trust` is neither None nor `"code"`.
    """
    from navcore.unpacking import load as read

    return read(path, workspace, trust, registry)


@checked_keywords
def load_from_workspace(
    workspace: Path | str | None = None, trust: str | None = None, *, registry: Registry | None = None
) -> Package:
    """Return the package of an earlier run from its workspace.

    Args:
        workspace: Folder that the run wrote into; None: `./navigator_workspace`.
        trust: As for `load`; only needed where the workspace was unpacked from a package file.
        registry: Plugins to use; None: those installed.

    Raises:
        WorkspaceError: The folder is no workspace, or its run did not finish.
        UnknownNameError: `trust` is neither None nor `"code"`.
    """
    from navcore.unpacking import load_from_workspace as read

    return read(workspace, trust, registry)


@checked_keywords
def optimize(
    package: Package,
    *,
    target_formats: Sequence[Format | str] | None = None,
    target_device: DeviceKind | str | None = None,
    runners: Sequence[str | Runner] | None = None,
    optimization_profile: OptimizationProfile | None = None,
    workspace: Path | str | None = None,
    verbose: bool = False,
    debug: bool = False,
    verify_func: VerifyFunction | None = None,
    custom_configs: Sequence[CustomConfig] | None = None,
    precision: str | Sequence[str] | None = None,
    metric: MetricFunction | None = None,
    max_metric_drop: float | None = None,
    tolerance: Tolerance | Mapping[str, Tolerance] | None = None,
    max_hops: int | None = None,
    seed: int | None = None,
    quiet: bool = False,
    isolate: bool = True,
    timeout_s: float = 1800.0,
    tool_timeouts_s: Mapping[str, float] | None = None,
    memory_limit_bytes: int | None = None,
    budget_s: float | None = None,
    resume: bool = False,
    cache: bool = True,
    registry: Registry | None = None,
) -> Package:
    """Optimise again from the models in a package: on another machine, for another device, with other plugins.

    What was exported from the source is taken as it is, everything else is built anew; the outputs that the source
    gave for the stored samples are the reference. The source itself takes part where it is a file, or after
    `package.load_source_model(model)`.

    Args:
        package: From `load`, `load_from_workspace` or `optimize`; left as it was.
        target_formats, target_device, runners: As for `navcore.optimize`.
        optimization_profile: How candidates are measured; None: as in the package's own run, its dataloader aside,
            and that one's first sample by name, in order, or as a single array.
        workspace: As for `navcore.optimize`; another folder than the package's own.
        verbose, debug, verify_func: As for `navcore.optimize`.
        custom_configs: Options for converters and runners; exporters are not used, unless the source was loaded.
        precision, max_metric_drop, tolerance, max_hops, seed: As for `navcore.optimize`; None: as in the package's own
            run.
        metric: As for `navcore.optimize`, on the samples that are stored; it has to be given again.
        quiet, isolate, timeout_s, tool_timeouts_s, memory_limit_bytes, budget_s, resume, cache: As for
            `navcore.optimize`.
        registry: Plugins to use; None: the package's.

    Raises:
        UsageError: The package has no samples, or nothing to begin with; or an option is wrong.
        WorkspaceError: The workspace is the package's own, or not ours.
    """
    from navcore.repeat import optimize_package

    return optimize_package(
        package,
        target_formats=target_formats,
        device=target_device,
        runners=runners,
        profile=optimization_profile,
        custom_configs=custom_configs,
        precision=precision,
        metric=metric,
        max_metric_drop=max_metric_drop,
        tolerance=tolerance,
        max_hops=max_hops,
        seed=seed,
        registry=registry,
        workspace=workspace,
        verbose=verbose or debug,
        verify=verify_func,
        quiet=quiet,
        isolate=isolate,
        timeout_s=timeout_s,
        tool_timeouts_s=tool_timeouts_s,
        memory_limit_bytes=memory_limit_bytes,
        budget_s=budget_s,
        resume=resume,
        cache=cache,
    )


@checked_keywords
def profile(
    package: Package,
    dataloader: Iterable[Any] | None = None,
    *,
    target_formats: Sequence[Format | str] | None = None,
    target_device: DeviceKind | str | None = None,
    runners: Sequence[str | Runner] | None = None,
    max_batch_size: int | None = None,
    batch_sizes: Sequence[int] | None = None,
    window_size: int = 25,
    stability_percentage: float = 10.0,
    stabilization_windows: int = 3,
    min_trials: int = 3,
    max_trials: int = 10,
    throughput_cutoff_threshold: float | None = 0.05,
    throughput_backoff_limit: int = 2,
    verbose: bool = False,
    isolate: bool = True,
    timeout_s: float = 1800.0,
) -> ProfilingResults:
    """Measure every model of a package on every runner that works here, with every sample.

    Args:
        package: From `optimize` or `load`.
        dataloader: Samples: mappings by input name, or arrays in the order of the inputs. None: those in the package.
        target_formats: Formats to measure besides the source; None: all.
        target_device: Device to run on; None: the package's.
        runners: Names of the runners; None: all that fit the device.
        max_batch_size, batch_sizes, window_size, stability_percentage, stabilization_windows, min_trials, max_trials,
            throughput_cutoff_threshold, throughput_backoff_limit: As in `navcore.OptimizationProfile`.
        verbose: Whether to show what runtimes print.
        isolate, timeout_s: As for `navcore.optimize`.

    Raises:
        DataloaderError: There are no samples, or one does not fit the model.
        UsageError: An option is wrong, or there is nothing to measure.
    """
    from navcore.profiling import profile_package

    return profile_package(
        package,
        dataloader,
        target_formats=target_formats,
        device=target_device,
        runners=runners,
        profile={
            "max_batch_size": max_batch_size,
            "batch_sizes": batch_sizes,
            "window_size": window_size,
            "stability_percentage": stability_percentage,
            "stabilization_windows": stabilization_windows,
            "min_trials": min_trials,
            "max_trials": max_trials,
            "throughput_cutoff_threshold": throughput_cutoff_threshold,
            "throughput_backoff_limit": throughput_backoff_limit,
        },
        verbose=verbose,
        isolate=isolate,
        timeout_s=timeout_s,
    )


@checked_keywords
def get_best_model_status(
    package: Package, strategies: Sequence[Strategy] | None = None, include_source: bool = True
) -> Choice:
    """Return what `package.get_runner` would use, with its trial, its measurement and the reason.

    Raises:
        NoRuntimeError: No strategy finds a runtime that works here.
        TrustError: What it finds can run code, and the package is not trusted with it.
    """
    return package.get_best_runtime(strategies, include_source=include_source)


@checked_keywords
def set_verified(package: Package, model_key: str, runner_name: str) -> None:
    """Note in `package.status` that you have verified a model on a runner.

    Args:
        package: Changed in memory; `save` writes it down.
        model_key: Id of the route, for example `onnx/openvino-ir`.
        runner_name: Name of the runner.

    Raises:
        UnknownNameError: There is no such trial.
        UsageError: The trial failed, so there is nothing to vouch for.
    """
    package.set_verified(model_key, runner_name)

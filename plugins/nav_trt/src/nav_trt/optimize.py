"""`nav.tensorrt.optimize`: the same as `nav.optimize`, for the path of a plan."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nav_trt.describe import is_plan
from navcore import Package
from navcore import optimize as optimize_any
from navcore.contracts import CustomConfig, Runner, Tensors
from navcore.domain import DeviceKind, OptimizationProfile, Tolerance
from navcore.errors import UsageError
from navcore.formats import Format
from navcore.keywords import checked_keywords

__all__ = ["optimize"]


@checked_keywords
def optimize(
    model: str | os.PathLike[str],
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
    verify_func: Callable[[Iterable[Tensors], Iterable[Tensors]], bool] | None = None,
    custom_configs: Sequence[CustomConfig] | None = None,
    model_precision: str | None = None,
    precision: str | Sequence[str] | None = None,
    metric: Callable[[Iterable[Tensors]], float] | None = None,
    max_metric_drop: float = 0.01,
    build_only: bool = False,
    tolerance: Tolerance | Mapping[str, Tolerance] | None = None,
    measure: str = "quick",
    max_hops: int = 4,
    seed: int = 0,
    quiet: bool = False,
    isolate: bool = True,
    timeout_s: float = 1800.0,
    tool_timeouts_s: Mapping[str, float] | None = None,
    memory_limit_bytes: int | None = None,
    budget_s: float | None = None,
    resume: bool = False,
    cache: bool = True,
    registry: Any = None,
) -> Package:
    """Find the fastest way to run an engine that was built before: with or without CUDA graphs, at which batch size.

    Args:
        model: Path of a file ending in `.plan` or `.engine`.
        dataloader: Samples: dicts by input name, tuples in input order, or single arrays. None: inputs are made from
            what the file declares.
        sample_count, batching, target_formats, target_device, runners, optimization_profile, workspace, verbose,
            debug, verify_func, custom_configs, model_precision, precision, metric, max_metric_drop: As for
            `navcore.optimize`.
        build_only, tolerance, measure, max_hops, seed, quiet, isolate, timeout_s, tool_timeouts_s: As there.
        memory_limit_bytes, budget_s, resume, cache, registry: As there.

    Raises:
        UsageError: Before anything is run: the model is no such path, its file cannot be opened here, a sample does
            not fit it, or an option is wrong.
    """
    if not is_plan(model):
        raise UsageError(f"{model!r} is no path that ends in .plan or .engine", "pass the path of the plan, renamed")
    return optimize_any(
        os.fsdecode(model),
        dataloader,
        sample_count=sample_count,
        batching=batching,
        target_formats=target_formats,
        target_device=target_device,
        runners=runners,
        optimization_profile=optimization_profile,
        workspace=workspace,
        verbose=verbose,
        debug=debug,
        verify_func=verify_func,
        custom_configs=custom_configs,
        model_precision=model_precision,
        precision=precision,
        metric=metric,
        max_metric_drop=max_metric_drop,
        build_only=build_only,
        tolerance=tolerance,
        measure=measure,
        max_hops=max_hops,
        seed=seed,
        source_format=Format.TENSORRT,
        quiet=quiet,
        isolate=isolate,
        timeout_s=timeout_s,
        tool_timeouts_s=tool_timeouts_s,
        memory_limit_bytes=memory_limit_bytes,
        budget_s=budget_s,
        resume=resume,
        cache=cache,
        registry=registry,
    )

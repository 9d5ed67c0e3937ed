"""`nav.jax.optimize`: the same as `nav.optimize`, for a function of JAX and its parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nav_jax.jax_model import JaxModel
from navcore import Package
from navcore import optimize as optimize_any
from navcore.contracts import CustomConfig, Runner, Tensors
from navcore.domain import DeviceKind, OptimizationProfile, Tolerance
from navcore.formats import Format
from navcore.keywords import checked_keywords

__all__ = ["optimize"]


@checked_keywords
def optimize(
    model: Any,
    model_params: Any = None,
    dataloader: Iterable[Any] = (),
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
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
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
    isolate_exports: bool | None = None,
    timeout_s: float = 1800.0,
    tool_timeouts_s: Mapping[str, float] | None = None,
    memory_limit_bytes: int | None = None,
    budget_s: float | None = None,
    resume: bool = False,
    cache: bool = True,
    registry: Any = None,
) -> Package:
    """Find the fastest way to run a function of JAX.

    Args:
        model: A pure function; a module of Flax (linen, or nnx in the mode that it is to run in); or any callable that
            is a pytree, as Equinox has them. Left as it was.
        model_params: Pytree of arrays that the function takes as `params`, or else as its first argument; the variables
            of a linen module. None: it takes none, or holds its own.
        dataloader: Samples as the function takes them, without the parameters: an array, a tuple or list of arguments
            with keyword arguments in a dict at its end, or a dict of keyword arguments; arrays may be nested in
            pytrees.
        sample_count, batching, target_formats, target_device, runners, optimization_profile, workspace: As for
            `navcore.optimize`.
        verbose, debug, verify_func, custom_configs, input_names, output_names, model_precision, precision,
        metric, max_metric_drop, build_only, tolerance, measure: As there.
        max_hops, seed, quiet, isolate, isolate_exports, timeout_s, tool_timeouts_s, memory_limit_bytes: As there.
        budget_s, resume, cache, registry: As there.

    Raises:
        UsageError: Before anything is run: the model cannot be called, does not take the samples, or lacks its
            parameters, or an option is wrong.
    """
    return optimize_any(
        model if isinstance(model, JaxModel) else JaxModel(model, model_params),
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
        input_names=input_names,
        output_names=output_names,
        model_precision=model_precision,
        precision=precision,
        metric=metric,
        max_metric_drop=max_metric_drop,
        build_only=build_only,
        tolerance=tolerance,
        measure=measure,
        max_hops=max_hops,
        seed=seed,
        source_format=Format.JAX,
        quiet=quiet,
        isolate=isolate,
        isolate_exports=isolate_exports,
        timeout_s=timeout_s,
        tool_timeouts_s=tool_timeouts_s,
        memory_limit_bytes=memory_limit_bytes,
        budget_s=budget_s,
        resume=resume,
        cache=cache,
        registry=registry,
    )

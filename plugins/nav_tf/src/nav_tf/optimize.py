"""`nav.tensorflow.optimize`: the same as `nav.optimize`, for a model of TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nav_tf.source import recognise
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
    """Find the fastest way to run a model of TensorFlow.

    Args:
        model: A model of Keras 3, a tf.Module with `__call__`, a tf.function, or the path of a SavedModel folder. Left
            as it was.
        dataloader: Samples: an array, a dict by name, or a tuple or list of arguments; models of Keras with one
            argument take a tuple or list as that one. No labels. None for a SavedModel only: inputs are made from what
            it declares.
        sample_count, batching, target_formats, target_device, runners, optimization_profile, workspace: As for
            `navcore.optimize`.
        verbose, debug, verify_func, custom_configs, input_names, output_names, model_precision, precision,
        metric, max_metric_drop, build_only, tolerance, measure: As there.
        max_hops, seed, quiet, isolate, isolate_exports, timeout_s, tool_timeouts_s, memory_limit_bytes: As there.
        budget_s, resume, cache, registry: As there.

    Raises:
        UsageError: Before anything is run: it is no such model, does not take the samples, or an option is wrong.
    """
    return optimize_any(
        model,
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
        source_format=_format(model),
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


def _format(model: Any) -> Format:
    """Return the format of the model.

    Raises:
        UsageError: It is none of TensorFlow.
    """
    if (found := recognise(model)) is not None:
        return found
    if isinstance(model, str | os.PathLike):
        cause, fix = f"{os.fsdecode(model)} is no SavedModel: there is no saved_model.pb in it", "give its folder"
        if str(model).endswith((".keras", ".h5")):
            cause, fix = f"{os.fsdecode(model)} is a file of Keras", "load it: keras.saving.load_model(path)"
        raise UsageError(cause, fix)
    raise UsageError(
        f"model={type(model).__name__}(...) is no model of Keras, no tf.Module and no tf.function",
        "wrap it: tf.function(model), or give the folder of a SavedModel",
    )

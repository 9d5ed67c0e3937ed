"""nav.python.optimize(): profile any Python function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from navcore.contracts import Runner, VerifyFunction
from navcore.domain import DeviceKind, OptimizationProfile, Tolerance
from navcore.findings import Package
from navcore.formats import Format
from navcore.keywords import checked_keywords
from navcore.optimize import optimize as optimize_any

__all__ = ["optimize"]


@checked_keywords
def optimize(
    model: Callable[..., Any],
    dataloader: Iterable[Any],
    *,
    sample_count: int = 100,
    batching: bool = True,
    target_device: DeviceKind | str = DeviceKind.CPU,
    runners: Sequence[str | Runner] | None = None,
    optimization_profile: OptimizationProfile | None = None,
    workspace: Path | str | None = None,
    verbose: bool = False,
    debug: bool = False,
    verify_func: VerifyFunction | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    tolerance: Tolerance | None = None,
    quiet: bool = False,
) -> Package:
    """Profile a function over batch sizes; nothing is exported or converted.

    Args:
        model: Takes and returns arrays, numbers, strings, or tuples and dicts of them.
        dataloader: A sample is one argument, a tuple of arguments, or a dict of keyword arguments.
        sample_count, batching, target_device, runners, optimization_profile, workspace, verbose, debug, verify_func: As
            for `navcore.optimize`.
        input_names, output_names, tolerance, quiet: As for `navcore.optimize`.
    """
    return optimize_any(
        model,
        dataloader,
        sample_count=sample_count,
        batching=batching,
        target_device=target_device,
        runners=runners,
        optimization_profile=optimization_profile,
        workspace=workspace,
        verbose=verbose,
        debug=debug,
        verify_func=verify_func,
        input_names=input_names,
        output_names=output_names,
        tolerance=tolerance,
        source_format=Format.PYTHON,
        quiet=quiet,
    )

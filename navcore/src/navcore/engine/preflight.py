"""What is checked once the model is understood, and before anything in the workspace is touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from navcore.contracts import Description, Tensors
from navcore.domain import Request
from navcore.engine.describe import Source
from navcore.engine.plan import Plan
from navcore.errors import DataloaderError, UnknownNameError, UsageError, WorkspaceError
from navcore.registry import Registry
from navcore.store.workspace import Workspace

__all__ = ["check_place", "check_plan", "check_timeouts", "check_tolerance", "timed_inputs"]


def check_plan(plan: Plan) -> None:
    """Refuse a plan that tries nothing, with what it left out."""
    if plan.trials or plan.builds:
        return
    reasons = "; ".join(f"{omission.subject}: {omission.reason}" for omission in plan.omissions)
    fixes = [omission.fix for omission in plan.omissions if omission.fix]
    raise UsageError(
        f"there is nothing to try for a {plan.source} model: {reasons or 'no installed plugin runs it'}",
        fixes[0] if fixes else "run `nav plugins` to see what is installed",
    )


def check_place(source: Source, space: Workspace) -> None:
    """Refuse a model that lies in the workspace."""
    path = source.model.path
    if path is not None and path.resolve().is_relative_to(space.root.resolve()):
        raise WorkspaceError(
            f"the model {path} lies in the workspace {space.root}, which this run would clear",
            "pass workspace=<another folder>, or move the model",
        )


def check_tolerance(request: Request, source: Source) -> None:
    """Refuse tolerances for outputs that the model does not have."""
    known = source.model.signature.output_names
    for name, _ in request.tolerance if isinstance(request.tolerance, tuple) else ():
        if name not in known:
            raise UnknownNameError("output", name, known, "write tolerance={name: Tolerance(...)} with a known name")


def check_timeouts(timeouts_s: Mapping[str, float], registry: Registry) -> None:
    """Refuse timeouts for tools that do not exist."""
    known = {tool.name for tool in registry.origins}
    for name in timeouts_s:
        if name not in known:
            raise UnknownNameError("tool", name, known, "run `nav plugins` to see what is installed")


def timed_inputs(
    model: Any, describe_sample: Callable[..., Description | None], source: Source, request: Request
) -> Tensors | None:
    """Return the first sample of the profile's own dataloader, if it has one."""
    dataloader: Any = request.profile.dataloader
    if dataloader is None:
        return None
    try:
        sample = next(iter(dataloader))
    except (TypeError, StopIteration) as error:
        raise DataloaderError(
            "optimization_profile.dataloader gave no samples", "give it one sample in a list, or leave it out"
        ) from error
    described = describe_sample(model, sample, request.names)
    inputs = described.inputs if described else {}
    signature = source.model.signature
    if set(inputs) != set(signature.input_names):
        raise DataloaderError(
            f"the profile's dataloader gives {', '.join(inputs)}; the main one {', '.join(signature.input_names)}",
            "give both the same structure",
        )
    if any(signature.batched(name) and not array.shape[0] for name, array in inputs.items()):
        raise DataloaderError("the profile's dataloader gives a batch of none", "give it a sample with a batch")
    return inputs

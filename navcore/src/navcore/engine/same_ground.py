"""What stands against comparing two runs, and whether outputs of one keep the tolerance of the other."""

from __future__ import annotations

from collections.abc import Iterator

from navcore.domain import Agreement, DeviceKind, OutputAgreement, PackageStatus, Tolerance, TrialResult
from navcore.engine.compare import default_tolerance

__all__ = ["differences", "outside_tolerance"]

_GPU = "cuda.device"
_UNKNOWN = "unknown"
_ROUNDING = 1 + 1e-9


def differences(before: PackageStatus, after: PackageStatus) -> Iterator[tuple[str, str]]:
    """Yield what makes the speeds of two runs incomparable: what it is about, and how it differs."""
    for side, old, new in zip(("inputs", "outputs"), _tensors(before), _tensors(after), strict=True):
        if old != new:
            yield "the model", f"is another one: its {side} were {_listed(old)} and are {_listed(new)}"
    if before.request.device is not after.request.device:
        yield "the device", f"is another one: it was {before.request.device} and is {after.request.device}"
    yield from _machines(before, after)
    if _timed(before) != _timed(after):
        yield "the sample", f"that was timed has other sizes: {_timed(before)} before, {_timed(after)} now"


def _tensors(status: PackageStatus) -> tuple[tuple[tuple[str, str], ...], ...]:
    sides = (status.signature.inputs, status.signature.outputs)
    return tuple(tuple(sorted((spec.name, spec.dtype) for spec in specs)) for specs in sides)


def _listed(tensors: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{name}: {dtype}" for name, dtype in tensors) or "none"


def _machines(before: PackageStatus, after: PackageStatus) -> Iterator[tuple[str, str]]:
    """Yield facts in which the machines differ; one that a run does not know is left out, but for what it ran on."""
    old, new = dict(before.environment), dict(after.environment)
    needed = ["cpu.name", *([_GPU] if before.request.device is DeviceKind.CUDA else [])]
    for name in sorted({*needed, *(fact for fact in old if fact.startswith("cpu.") or fact == _GPU)}):
        was, is_now = old.get(name, _UNKNOWN), new.get(name, _UNKNOWN)
        if _UNKNOWN in (was, is_now):
            if name in needed:
                yield "the machine", f"may be another one: nobody noted its {name}"
        elif was != is_now:
            yield "the machine", f"is another one: {name} was {was!r} and is {is_now!r}"


def _timed(status: PackageStatus) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the sample that was timed, without the batch axis."""
    if not status.samples:
        return {}
    batched = {name for name in status.signature.input_names if status.signature.batched(name)}
    return {name: shape[1:] if name in batched else shape for name, shape in status.samples[0].shapes}


def outside_tolerance(before: PackageStatus, after: PackageStatus, trial: TrialResult) -> Iterator[tuple[bool, str]]:
    """Yield outputs that the tolerance of an earlier run would not have let pass: whether that is sure, and a clause.

    Nothing where the later run was held to the same: then it passed. What is known of the values is their largest
    errors, so that a tolerance with both parts leaves doubt.

    Args:
        before, after: The runs.
        trial: Of the later one; it passed there.
    """
    agreement = trial.agreement or Agreement((), 0, ())
    dtypes = {spec.name: spec.dtype for spec in before.signature.outputs}
    for output in agreement.outputs:
        limit, later = (_limit(status, output.name) for status in (before, after))
        same = limit == later and (limit is not None or before.request.precision == after.request.precision)
        if same or output.name not in dtypes:
            continue
        if limit is None:
            usual = default_tolerance(dtypes[output.name], before.request.precision)
            exceeded, sure = not output.max_rel <= (usual.scale + usual.rtol) * _ROUNDING, True
        else:
            exceeded, sure = _exceeds(output, limit), limit.rtol == 0
        if exceeded:
            doubt = "" if sure else "which may be "
            text = f"has an error of {output.max_abs:.2g} in output {output.name!r}"
            yield sure, f"{text}, {doubt}above the tolerance of the earlier run"


def _limit(status: PackageStatus, output: str) -> Tolerance | None:
    wanted = status.request.tolerance
    return dict(wanted).get(output) if isinstance(wanted, tuple) else wanted


def _exceeds(output: OutputAgreement, limit: Tolerance) -> bool:
    """Whether the largest error is above the tolerance for the largest value; exact for one sample."""
    largest = output.max_abs / output.max_rel if output.max_rel else 0.0
    return not output.max_abs <= (limit.atol + limit.rtol * largest) * _ROUNDING

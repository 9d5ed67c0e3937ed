"""What the user asked for."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import attrs

from navcore.domain.device import DeviceKind
from navcore.domain.signature import Names
from navcore.formats import Format
from navcore.keywords import checked_options

__all__ = ["MEASURES", "PRECISIONS", "OptimizationProfile", "Request", "Tolerance"]

MEASURES = ("quick", "thorough")

PRECISIONS = ("fp32", "fp16", "bf16", "fp8", "int8", "nvfp4")
"""What a model may compute in, the finest first."""

_COUNTS = (
    "max_batch_size",
    "window_size",
    "stabilization_windows",
    "min_trials",
    "max_trials",
    "throughput_backoff_limit",
)
_LISTS = ("batch_sizes", "concurrency")


@checked_options
@attrs.frozen
class Tolerance:
    """An element agrees where |got - expected| <= atol + rtol * |expected|."""

    atol: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    rtol: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))


def _check_trials(instance: OptimizationProfile, _attribute: object, _value: int) -> None:
    if instance.min_trials > instance.max_trials:
        raise ValueError(f"min_trials={instance.min_trials} is above max_trials={instance.max_trials}")


def _sizes(values: Iterable[int] | None) -> tuple[int, ...] | None:
    return None if values is None else tuple(sorted(set(map(operator.index, values))))


def _whole(value: Any, field: attrs.Attribute[Any]) -> Any:
    if value is None and field.default is None:
        return None
    try:
        return _sizes(value) if field.name in _LISTS else operator.index(value)
    except TypeError as error:
        raise TypeError(f"{field.name}={value!r}: whole numbers only") from error


def _whole_numbers(_cls: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """Let the fields that count take whole numbers only, NumPy's as well, with words that name the field."""
    # Not as converters at the fields: mypy 2.4 refuses attrs.Converter there.
    whole = attrs.Converter(_whole, takes_field=True)
    return [field.evolve(converter=whole) if field.name in (*_COUNTS, *_LISTS) else field for field in fields]


def _check_sizes(
    _instance: object, attribute: attrs.Attribute[tuple[int, ...] | None], value: tuple[int, ...] | None
) -> None:
    if value is not None and (not value or min(value) < 1):
        what = "size" if attribute.name == "batch_sizes" else "number"
        raise ValueError(f"{attribute.name}={value!r}: give at least one {what}, each 1 or more")


def _check_cutoff(_instance: object, _attribute: object, value: float | None) -> None:
    if value is not None and value < 0:
        raise ValueError(f"'throughput_cutoff_threshold' must be >= 0: {value}")


@checked_options
@attrs.frozen(kw_only=True, field_transformer=_whole_numbers)
class OptimizationProfile:
    """How candidates are measured.

    Attributes:
        max_batch_size: Largest batch size tried; batch sizes double from 1 up to it. Wins over batch_sizes.
        batch_sizes: Exactly these batch sizes. With neither, sizes double until throughput stops growing.
        window_size: Most calls in one timed block; fewer where 25 ms are enough for fewer.
        stability_percentage: Rounds stop early once the noise of every candidate, the half-width of the 95 % interval
            of its median block, is at most this many percent.
        stabilization_windows: Half the fewest rounds before that rule is asked, if more than min_trials.
        min_trials, max_trials: Half the fewest and half the most rounds of one block per candidate, because an interval
            needs six. A candidate that stays noisy is kept, with its interval.
        throughput_cutoff_threshold: Relative gain under which a larger batch counts as saturated; None: never.
        throughput_backoff_limit: Saturated batch sizes that are tried before a candidate's sweep ends.
        dataloader: Its first sample is the one that is timed, in place of the main dataloader's first.
        concurrency: Numbers of calls in flight at which the best candidates are measured too; None: one call at a time.
    """

    max_batch_size: int | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(1)))
    batch_sizes: tuple[int, ...] | None = attrs.field(default=None, converter=_sizes, validator=_check_sizes)
    window_size: int = attrs.field(default=25, validator=attrs.validators.ge(1))
    stability_percentage: float = attrs.field(default=10.0, validator=attrs.validators.gt(0))
    stabilization_windows: int = attrs.field(default=3, validator=attrs.validators.ge(1))
    min_trials: int = attrs.field(default=3, validator=attrs.validators.ge(1))
    max_trials: int = attrs.field(default=10, validator=[attrs.validators.ge(1), _check_trials])
    throughput_cutoff_threshold: float | None = attrs.field(default=0.05, validator=_check_cutoff)
    throughput_backoff_limit: int = attrs.field(default=2, validator=attrs.validators.ge(0))
    dataloader: object = attrs.field(default=None, eq=False)
    concurrency: tuple[int, ...] | None = attrs.field(default=None, converter=_sizes, validator=_check_sizes)


@attrs.frozen(kw_only=True)
class Request:
    """The options of one run, checked.

    Attributes:
        target_formats: Formats to try besides the source; None: every one that can be reached.
        runners: Runners to try; None: all that fit the device.
        device: Device to run on.
        batching: Whether the first axis of the inputs is a batch.
        sample_count: Most samples taken from the dataloader.
        max_hops: Most edges in a route.
        profile: How candidates are measured.
        tolerance: One for all outputs, or (output name, tolerance) pairs; None: defaults by precision.
        precision: Precision of the source, which sets the default tolerance; None: each output's own dtype.
        precisions: What candidates may be lowered to, the finest first; empty: nothing, they keep the source's own.
        max_metric_drop: By how much the user's metric may be lower for a candidate that lowers the precision.
        build_only: Whether artifacts are built for any runner that is registered, also for one that cannot work here,
            and nothing is run.
        names: Names for inputs and outputs.
        seed: Of made-up inputs, and of the order in which candidates are measured.
        measure: `quick`: candidates that cannot win stop early; `thorough`: nobody does, and everything takes longer.
    """

    target_formats: tuple[Format, ...] | None = None
    runners: tuple[str, ...] | None = None
    device: DeviceKind = DeviceKind.CPU
    batching: bool = True
    sample_count: int = attrs.field(default=100, validator=[attrs.validators.instance_of(int), attrs.validators.ge(1)])
    max_hops: int = attrs.field(default=4, validator=[attrs.validators.instance_of(int), attrs.validators.ge(1)])
    profile: OptimizationProfile = attrs.field(
        factory=OptimizationProfile, validator=attrs.validators.instance_of(OptimizationProfile)
    )
    tolerance: Tolerance | tuple[tuple[str, Tolerance], ...] | None = None
    precision: str | None = None
    precisions: tuple[str, ...] = ()
    max_metric_drop: float = attrs.field(default=0.01, converter=float, validator=attrs.validators.ge(0))
    build_only: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    names: Names = attrs.field(factory=Names)
    seed: int = attrs.field(default=0, validator=[attrs.validators.instance_of(int), attrs.validators.ge(0)])
    measure: str = attrs.field(default="quick", validator=attrs.validators.in_(MEASURES))

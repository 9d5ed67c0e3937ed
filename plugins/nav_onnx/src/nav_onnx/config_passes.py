"""OnnxPassConfig and OnnxQuantizationConfig: which passes over ONNX graphs are tried, and with which options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from nav_onnx.pass_fuse import MODEL_TYPES, OnnxFuse
from nav_onnx.pass_int8 import Int8Pass
from nav_onnx.pass_int8_dynamic import OnnxInt8Dynamic
from nav_onnx.pass_int8_static import ACTIVATIONS, OnnxInt8
from nav_onnx.pass_slim import OnnxSlim
from nav_onnx.ranges import METHODS
from navcore.configs import (
    FormatConfig,
    as_tuple,
    checked_fields,
    each_of,
    is_flag,
    is_whole,
    one_of,
    refuse,
    with_options,
)
from navcore.contracts import Tool
from navcore.formats import Format

__all__ = ["OnnxPassConfig", "OnnxQuantizationConfig"]


def _optional(check: Any) -> Any:
    return attrs.validators.optional(check)


@checked_fields
@attrs.frozen(kw_only=True)
class _PassConfig(FormatConfig):
    def __attrs_post_init__(self) -> None:
        if self.custom_args:
            raise refuse(self, "custom_args", self.custom_args, "passes take their fields only", "leave it out")

    @property
    def format(self) -> Format:
        """The format whose tools it configures."""
        return Format.ONNX


@checked_fields
@attrs.frozen(kw_only=True)
class OnnxPassConfig(_PassConfig):
    """Options for the passes that keep the precision.

    Attributes:
        slim: Whether `onnx-slim` is tried, which folds constants as runtimes do when they open the file.
        fuse: Whether `onnx-fuse` is tried; None: where ONNX Runtime has a GPU to run on.
        model_type: Whose patterns `onnx-fuse` looks for; None: those that suit the operators.
        most_growth_bytes: By how much folding may make the file grow; None: by 128 MiB.
        device: As for every format.
    """

    slim: bool = attrs.field(default=False, validator=is_flag)
    fuse: bool | None = attrs.field(default=None, validator=_optional(is_flag))
    model_type: str | None = attrs.field(default=None, validator=_optional(one_of(*MODEL_TYPES)))
    most_growth_bytes: int | None = attrs.field(default=None, validator=is_whole(0))

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return the tools, the two passes with these options or left out."""
        return tuple(each for tool in self.on_device(tools) for each in self._configured(tool))

    def _configured(self, tool: Tool) -> tuple[Tool, ...]:
        if isinstance(tool, OnnxSlim):
            options: dict[str, Any] = {"always": self.slim, "most_growth_bytes": self.most_growth_bytes}
            return with_options((tool,), self, **_given(options))
        if isinstance(tool, OnnxFuse):
            options = {"always": self.fuse, "model_type": self.model_type}
            return () if self.fuse is False else with_options((tool,), self, **_given(options))
        return (tool,)


@checked_fields
@attrs.frozen(kw_only=True)
class OnnxQuantizationConfig(_PassConfig):
    """Options for int8 by ONNX Runtime, which it asks for by itself; None leaves an option at its default.

    Attributes:
        dynamic: Whether activations are quantised while the model runs, and not by ranges from samples; None: both.
        method: `minmax`, `entropy` or `percentile`, or several of them: each makes a model with ranges from samples.
        percentile, activations, symmetric, quantize_bias, calibration_samples: As `onnx-int8` has them.
        op_types, nodes_to_exclude, per_channel, reduce_range, search_s: As both passes have them.
        max_error: How far outputs on samples may be off, in parts of the largest value, before nodes are left in float;
            None: nothing is looked at.
        device: As for every format.
    """

    dynamic: bool | None = attrs.field(default=None, validator=_optional(is_flag))
    method: Any = attrs.field(default=("minmax",), converter=as_tuple, validator=each_of(*METHODS))
    percentile: float | None = None
    activations: str | None = attrs.field(default=None, validator=_optional(one_of(*ACTIVATIONS)))
    symmetric: bool | None = attrs.field(default=None, validator=_optional(is_flag))
    quantize_bias: bool | None = attrs.field(default=None, validator=_optional(is_flag))
    calibration_samples: int | None = attrs.field(default=None, validator=is_whole(1))
    op_types: Any = attrs.field(default=None, converter=attrs.converters.optional(as_tuple))
    nodes_to_exclude: Any = attrs.field(default=None, converter=attrs.converters.optional(as_tuple))
    per_channel: bool | None = attrs.field(default=None, validator=_optional(is_flag))
    reduce_range: bool | None = attrs.field(default=None, validator=_optional(is_flag))
    search_s: float | None = None
    max_error: float | None = 0.1

    @property
    def precisions(self) -> tuple[str, ...]:
        """What its tools lower to, and need not be asked for again."""
        return ("int8",)

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return the tools, those that quantise with these options."""
        return tuple(each for tool in self.on_device(tools) for each in self._configured(tool))

    def _configured(self, tool: Tool) -> Iterator[Tool]:
        if not isinstance(tool, Int8Pass):
            yield tool
        elif self.dynamic is None or self.dynamic == isinstance(tool, OnnxInt8Dynamic):
            both = ("op_types", "nodes_to_exclude", "per_channel", "reduce_range", "search_s")
            options = {**_given({name: getattr(self, name) for name in both}), "max_error": self.max_error}
            yield from self._by_method(tool, options) if isinstance(tool, OnnxInt8) else [self._with(tool, options)]

    def _by_method(self, tool: Tool, options: dict[str, Any]) -> Iterator[Tool]:
        own = ("percentile", "activations", "symmetric", "quantize_bias", "calibration_samples")
        options = {**options, **_given({name: getattr(self, name) for name in own})}
        for method in self.method:
            name = tool.name if method == METHODS[0] else f"{tool.name}-{method}"
            yield self._with(tool, {**options, "name": name, "method": method})

    def _with(self, tool: Tool, options: dict[str, Any]) -> Tool:
        for name, value in options.items():  # one by one, so that the one that is refused is named
            (tool,) = with_options((tool,), self, **{name: value})
        return tool


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}

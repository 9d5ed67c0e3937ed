"""TensorFlowTensorRTConfig: how TF-TRT converts SavedModels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from nav_tf.convert_trt import TensorFlowTensorRTConverter
from navcore.configs import FormatConfig, as_tuple, checked_fields, each_of, is_whole, refuse, with_options
from navcore.contracts import Tool
from navcore.formats import Format

__all__ = ["TensorFlowTensorRTConfig"]

_KEEPS = "fp32"


def _only(value: Any, rule: str, fix: str) -> Callable[[object, attrs.Attribute[Any], object], None]:
    """Return a validator that refuses every other value, and says why."""

    def check(config: object, field: attrs.Attribute[Any], given: object) -> None:
        if type(given) is not type(value) or given != value:
            raise refuse(config, field.name, given, rule, fix)

    return check


_OF_SAMPLES = "engines are built for the sizes of the samples"
_OTHER_SIZES = "give samples of those sizes"


@checked_fields
@attrs.frozen(kw_only=True)
class TensorFlowTensorRTConfig(FormatConfig):
    """Options for TF-TRT; each precision makes a model.

    Attributes:
        precision: `fp32`, `fp16` or both.
        precision_mode: `hierarchy`: TensorRT may keep single layers in a higher precision.
        max_workspace_size: Bytes that TensorRT may use while it builds; None: as by default.
        minimum_segment_size: Fewest operations that become an engine.
        trt_profiles, trt_profile: None. The samples say which sizes engines are built for.
        conversion_fallback: False.
        custom_args: Arguments for `tf.experimental.tensorrt.ConversionParams`.
        device: As for every format.
    """

    precision: Any = attrs.field(default=("fp32", "fp16"), converter=as_tuple, validator=each_of("fp32", "fp16"))
    precision_mode: str = attrs.field(
        default="hierarchy", validator=_only("hierarchy", "TensorRT chooses for each layer", "leave it out")
    )
    max_workspace_size: int | None = attrs.field(default=8 * 2**30, validator=is_whole(0))
    minimum_segment_size: int = attrs.field(default=3, validator=is_whole(1))
    trt_profiles: Any = attrs.field(default=None, validator=_only(None, _OF_SAMPLES, _OTHER_SIZES))
    trt_profile: Any = attrs.field(default=None, validator=_only(None, _OF_SAMPLES, _OTHER_SIZES))
    conversion_fallback: bool = attrs.field(
        default=False, validator=_only(False, _OF_SAMPLES, "set max_batch_size in optimization_profile")
    )

    @property
    def format(self) -> Format:
        """The format whose tools it configures."""
        return Format.TF_TRT

    @property
    def precisions(self) -> tuple[str, ...]:
        """What its converters lower to, and need not be asked for again."""
        return tuple(name for name in self.precision if name != _KEEPS)

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return a converter for each precision, and the runners for the device."""
        rest = (tool for tool in self.on_device(tools) if not isinstance(tool, TensorFlowTensorRTConverter))
        return self.with_custom_args((*self._converters(tools), *rest))

    def _converters(self, tools: tuple[Tool, ...]) -> Iterator[Tool]:
        options: dict[str, Any] = {"minimum_segment_size": self.minimum_segment_size}
        if self.max_workspace_size is not None:
            options["max_workspace_size"] = self.max_workspace_size
        wanted = {None if each == _KEEPS else each for each in self.precision}
        able = tuple(tool for tool in tools if isinstance(tool, TensorFlowTensorRTConverter))
        yield from with_options((tool for tool in able if tool.precision in wanted), self, **options)

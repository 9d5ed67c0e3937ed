"""TorchTensorRTConfig: how Torch-TensorRT compiles exported programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from navcore.configs import (
    FormatConfig,
    as_tuple,
    checked_fields,
    each_of,
    has_option,
    is_flag,
    is_whole,
    refuse,
    with_options,
)
from navcore.contracts import Tool
from navcore.formats import Format

__all__ = ["TorchTensorRTConfig"]

_KEEPS = "fp32"


def _only(value: Any, rule: str, fix: str) -> Callable[[object, attrs.Attribute[Any], object], None]:
    """Return a validator that refuses every other value, and says why."""

    def check(config: object, field: attrs.Attribute[Any], given: object) -> None:
        if type(given) is not type(value) or given != value:
            raise refuse(config, field.name, given, rule, fix)

    return check


_OF_SAMPLES = "engines are built for the sizes of the samples"
_OTHER_SIZES = "give samples of those sizes; for the batch, max_batch_size"


@checked_fields
@attrs.frozen(kw_only=True)
class TorchTensorRTConfig(FormatConfig):
    """Options for Torch-TensorRT; each precision makes a model.

    Attributes:
        precision: `fp32`, `fp16`, `bf16` or several of them.
        precision_mode: `hierarchy`: TensorRT may keep single layers in a higher precision.
        max_batch_size: Largest batch that engines are built for; None: that of the tool.
        max_workspace_size: Bytes that TensorRT may use while it builds; None and 0: all that there are.
        trt_profiles, trt_profile: None. The samples say which sizes engines are built for, but for the batch.
        conversion_fallback: Whether engines for a half and a quarter of the batch stand in where no others were built.
        pickle_protocol: 5.
        custom_args: Arguments for torch_tensorrt.dynamo.compile.
        device: As for every format.
    """

    precision: Any = attrs.field(
        default=("fp32", "fp16"), converter=as_tuple, validator=each_of("fp32", "fp16", "bf16")
    )
    precision_mode: str = attrs.field(
        default="hierarchy", validator=_only("hierarchy", "TensorRT chooses for each layer", "leave it out")
    )
    max_batch_size: int | None = attrs.field(default=None, validator=is_whole(1))
    max_workspace_size: int | None = attrs.field(default=None, validator=is_whole(0))
    trt_profiles: Any = attrs.field(default=None, validator=_only(None, _OF_SAMPLES, _OTHER_SIZES))
    trt_profile: Any = attrs.field(default=None, validator=_only(None, _OF_SAMPLES, _OTHER_SIZES))
    conversion_fallback: bool = attrs.field(default=False, validator=is_flag)
    pickle_protocol: int = attrs.field(
        default=5, validator=_only(5, "files are written as this PyTorch does", "leave it out")
    )

    @property
    def format(self) -> Format:
        """The format whose tools it configures."""
        return Format.TORCH_TRT

    @property
    def precisions(self) -> tuple[str, ...]:
        """What its converters lower to, and need not be asked for again."""
        return tuple(name for name in self.precision if name != _KEEPS)

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return a converter for each precision, and the runners for the device."""
        able = [tool for tool in tools if has_option(tool, "max_workspace_size")]
        if not able:
            return with_options(tools, self, max_workspace_size=self.max_workspace_size)  # raises that there is none
        rest = tuple(tool for tool in self.on_device(tools) if tool not in able)
        return self.with_custom_args((*self._converters(able), *rest))

    def _converters(self, able: list[Tool]) -> Iterator[Tool]:
        options: dict[str, Any] = {"max_workspace_size": self.max_workspace_size or None}
        if self.max_batch_size is not None:
            options["max_batch_size"] = self.max_batch_size
        for each in self.precision:
            wanted = None if each == _KEEPS else each
            found = next((tool for tool in able if tool.precision == wanted), None)
            name = f"{Format.TORCH_TRT.name}-{each}" if wanted else Format.TORCH_TRT.name
            made = found if found is not None else attrs.evolve(able[0], precision=wanted, name=name)
            (made,) = with_options((made,), self, **options)
            yield made
            yield from self._smaller(made) if self.conversion_fallback else ()

    def _smaller(self, tool: Tool) -> Iterator[Tool]:
        """Yield stand-ins for a tool, for a half and a quarter of its batch."""
        largest = getattr(tool, "max_batch_size", 1)
        for size in sorted({largest // 2, largest // 4} - {0}, reverse=True):
            yield from with_options((tool,), self, name=f"{tool.name}-batch-{size}", max_batch_size=size, fallback=True)

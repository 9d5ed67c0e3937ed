"""TensorRTConfig: how engines are built from ONNX."""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import attrs

from nav_trt.convert_plan import TensorRTPlan
from nav_trt.profile import FrozenProfile, frozen_profile
from navcore.configs import (
    FormatConfig,
    as_tuple,
    checked_fields,
    each_of,
    has_option,
    is_flag,
    is_whole,
    one_of,
    refuse,
    with_options,
)
from navcore.contracts import Converter, Tool
from navcore.formats import Format

__all__ = ["TensorRTConfig", "TensorRTPrecision", "TensorRTPrecisionMode"]

_KEEPS = "fp32"


class TensorRTPrecision(str, Enum):
    """What an engine computes in."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    INT8 = "int8"
    FP8 = "fp8"
    NVFP4 = "nvfp4"


class TensorRTPrecisionMode(str, Enum):
    """Whether what loses most stays in a higher precision."""

    HIERARCHY = "hierarchy"
    SINGLE = "single"
    MIXED = "mixed"


def _texts(value: Any) -> Any:
    """Return the values, those of enums as texts."""
    return tuple(each.value if isinstance(each, Enum) else each for each in as_tuple(value))


def _text(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _path(value: Any) -> Any:
    """Return an absolute path; workers have a working directory of their own."""
    return os.path.abspath(value) if isinstance(value, str | os.PathLike) else value


def _profiles(value: Any) -> Any:
    if value is None:
        return ()
    return tuple(frozen_profile(each) for each in (value if isinstance(value, list | tuple) else (value,)))


def _flags(value: Any) -> Any:
    return () if value is None else tuple(int(each) for each in as_tuple(value))


@checked_fields
@attrs.frozen(kw_only=True)
class TensorRTConfig(FormatConfig):
    """Options for engines; each precision makes one.

    Attributes:
        precision: `fp32`, `fp16`, `bf16`, `int8`, `fp8`, `nvfp4` or several of them. `fp32` keeps the graph's
            own types.
        precision_mode: `hierarchy`: what loses most stays in a higher precision; `single`: nothing does. Before
            TensorRT 11, `hierarchy` leaves it to TensorRT what is lowered to fp16 or bf16.
        tf32: Whether float32 may be computed in TensorFloat-32.
        max_batch_size: Largest batch that engines are built for; None: that of the tool, 64.
        trt_profiles: Further `TensorRTProfile`s, after that of the samples.
        trt_profile: One alone, as older code has it.
        max_workspace_size: Bytes that kernels may use; None: all that there are.
        optimization_level: 0 to 5; None: TensorRT's own.
        compatibility_level: `ampere_plus`: engines run on other GPUs too, from Ampere on; None: on their own kind.
        onnx_parser_flags: Values of `tensorrt.OnnxParserFlag`.
        timing_cache_dir: Folder for timings of kernels, or a file ending in `.cache`; None: navcore's own.
        model_path: A `.plan` that takes the place of those that would be built.
        conversion_fallback: Whether engines for a half and a quarter of the batch stand in where no others were built.
        run_max_batch_size_search: None. Batch sizes are measured up to `max_batch_size`.
        custom_args: Further attributes of `tensorrt.IBuilderConfig`.
        device: As for every format.
    """

    precision: Any = attrs.field(
        default=("fp32", "fp16"),
        converter=_texts,
        validator=each_of(*(each.value for each in TensorRTPrecision)),
    )
    precision_mode: Any = attrs.field(
        default="hierarchy", converter=_text, validator=one_of(*(each.value for each in TensorRTPrecisionMode))
    )
    tf32: bool = attrs.field(default=False, validator=is_flag)
    max_batch_size: int | None = attrs.field(default=None, validator=is_whole(1))
    trt_profiles: tuple[FrozenProfile, ...] = attrs.field(default=None, converter=_profiles)
    trt_profile: tuple[FrozenProfile, ...] = attrs.field(default=None, converter=_profiles)
    max_workspace_size: int | None = attrs.field(default=None, validator=is_whole(0))
    optimization_level: int | None = attrs.field(default=None, validator=is_whole(0, 5))
    compatibility_level: Any = attrs.field(
        default=None, converter=_text, validator=one_of(None, "none", "ampere_plus", "same_compute_capability")
    )
    onnx_parser_flags: tuple[int, ...] = attrs.field(default=None, converter=_flags)
    timing_cache_dir: str | None = attrs.field(default=None, converter=_path)
    model_path: str | None = attrs.field(default=None, converter=_path)
    conversion_fallback: bool = attrs.field(default=False, validator=is_flag)
    run_max_batch_size_search: None = attrs.field(default=None)

    @run_max_batch_size_search.validator
    def _check_search(self, _attribute: object, value: object) -> None:
        if value is not None:
            rule = "every batch size is measured up to the largest that the engine takes"
            raise refuse(self, "run_max_batch_size_search", value, rule, "set max_batch_size, or leave it out")

    @model_path.validator
    def _check_path(self, _attribute: object, value: Any) -> None:
        if value is not None and not (isinstance(value, str) and Path(value).is_file()):
            raise refuse(self, "model_path", value, "there is no such file", "give the path of a plan")

    def __attrs_post_init__(self) -> None:
        if self.precision_mode == "mixed":
            rule = "Model Navigator never had it"
            raise refuse(self, "precision_mode", "mixed", rule, "write 'hierarchy' or 'single'")
        if self.trt_profile and self.trt_profiles:
            raise refuse(self, "trt_profile", self.trt_profile, "trt_profiles is given too", "put all in trt_profiles")

    @property
    def format(self) -> Format:
        """The format whose tools it configures."""
        return Format.TENSORRT

    @property
    def precisions(self) -> tuple[str, ...]:
        """What its converters lower to, and need not be asked for again."""
        return () if self.model_path else tuple(name for name in self.precision if name != _KEEPS)

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return a converter for each precision, or the one that takes the plan, and the runners for the device."""
        able = [tool for tool in tools if has_option(tool, "optimization_level")]
        rest = tuple(tool for tool in self.on_device(tools) if tool not in able)
        if self.model_path is not None:
            return (TensorRTPlan(plan=self.model_path), *rest)
        if not able:
            return with_options(tools, self, optimization_level=self.optimization_level)  # raises that there is none
        return self.with_custom_args((*self._converters(able), *rest))

    def _converters(self, able: list[Tool]) -> Iterator[Tool]:
        options = self._options()
        for each in self.precision:
            wanted = None if each == _KEEPS else each
            found = next((tool for tool in able if tool.precision == wanted), None)
            name = f"{Format.TENSORRT.name}-{each}" if wanted else Format.TENSORRT.name
            made = found if found is not None else attrs.evolve(able[0], precision=wanted, name=name)
            (made,) = with_options((made,), self, **options)
            yield made
            yield from self._smaller(made) if self.conversion_fallback else ()

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            "mode": self.precision_mode,
            "tf32": self.tf32,
            "profiles": (*self.trt_profiles, *self.trt_profile),
            "max_workspace_size": self.max_workspace_size,
            "optimization_level": self.optimization_level,
            "compatibility_level": self.compatibility_level,
            "parser_flags": self.onnx_parser_flags,
            "timing_cache_dir": self.timing_cache_dir,
        }
        if self.max_batch_size is not None:
            options["max_batch_size"] = self.max_batch_size
        if self.compatibility_level == "ampere_plus":
            options["bound_to"] = ("tensorrt.version",)
        return options

    def _smaller(self, tool: Tool) -> Iterator[Tool]:
        """Yield stand-ins for a converter, for a half and a quarter of its batch."""
        largest = getattr(tool, "max_batch_size", 1)
        for size in sorted({largest // 2, largest // 4} - {0}, reverse=True):
            changed = {"name": f"{tool.name}-batch-{size}", "max_batch_size": size, "fallback": True}
            yield from with_options((tool,), self, **changed) if isinstance(tool, Converter) else ()

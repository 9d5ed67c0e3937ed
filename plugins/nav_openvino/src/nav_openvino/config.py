"""OpenVINOConfig: how OpenVINO IR is run and quantised."""

from __future__ import annotations

import os
from typing import Any

import attrs

from navcore.configs import FormatConfig, as_tuple, checked_fields, each_of, is_whole, one_of, refuse, with_options
from navcore.contracts import Tool
from navcore.formats import Format

__all__ = ["OpenVINOConfig"]

_RUNNING = ("hint", "execution_mode", "threads", "streams", "cache_dir")
_QUANTISING = ("preset", "transformer", "subset_size", "weight_bits", "ignored", "ignored_types")
_SEARCHING = ("max_error", "search_s")


def _folder(value: Any) -> Any:
    """Return the absolute path of a folder; workers have a working directory of their own."""
    return os.path.abspath(value) if isinstance(value, str | os.PathLike) else value


def _texts(value: Any) -> Any:
    return None if value is None else as_tuple(value)


def _are_texts(config: object, field: attrs.Attribute[Any], value: Any) -> None:
    for each in value or ():
        if not isinstance(each, str):
            raise refuse(config, field.name, each, "it is no text", f"write {field.name}=['...']")


def _is_number(config: object, field: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
        raise refuse(config, field.name, value, "it is no number from 0 on", "give one, or leave it out")


@checked_fields
@attrs.frozen(kw_only=True)
class OpenVINOConfig(FormatConfig):
    """Options for OpenVINO IR; what is None stays as it is.

    Attributes:
        precision: `bf16`, `int8` or both: what is tried besides the model's own precision, whatever the run asks for.
        hint: `LATENCY` or `THROUGHPUT`.
        execution_mode: `ACCURACY` or `PERFORMANCE`.
        threads: Threads that compute.
        streams: Calls that are computed at once.
        cache_dir: Folder in which compiled models are kept.
        preset: `performance` or `mixed`: how activations are quantised.
        transformer: Whether the model is quantised as a Transformer.
        subset_size: Most samples to calibrate with.
        weight_bits: 7 or 8.
        ignored, ignored_types: Names and kinds of operators that stay in floating point.
        max_error: How far outputs may be off, relative to their largest value, before layers are left out.
        search_s: Time to look for those layers.
        custom_args: None; there is no call that takes some.
        device: As for every format.
    """

    precision: Any = attrs.field(default=(), converter=as_tuple)
    hint: str | None = attrs.field(default=None, validator=one_of(None, "LATENCY", "THROUGHPUT"))
    execution_mode: str | None = attrs.field(default=None, validator=one_of(None, "ACCURACY", "PERFORMANCE"))
    threads: int | None = attrs.field(default=None, validator=is_whole(1))
    streams: int | None = attrs.field(default=None, validator=is_whole(1))
    cache_dir: str | None = attrs.field(default=None, converter=_folder)
    preset: str | None = attrs.field(default=None, validator=one_of(None, "performance", "mixed"))
    transformer: bool | None = attrs.field(default=None, validator=one_of(None, True, False))
    subset_size: int | None = attrs.field(default=None, validator=is_whole(1))
    weight_bits: int | None = attrs.field(default=None, validator=one_of(None, 7, 8))
    ignored: Any = attrs.field(default=None, converter=_texts, validator=_are_texts)
    ignored_types: Any = attrs.field(default=None, converter=_texts, validator=_are_texts)
    max_error: float | None = attrs.field(default=None, validator=_is_number)
    search_s: float | None = attrs.field(default=None, validator=_is_number)

    @precision.validator
    def _check_precision(self, attribute: attrs.Attribute[Any], value: tuple[Any, ...]) -> None:
        if value:
            each_of("bf16", "int8")(self, attribute, value)

    def __attrs_post_init__(self) -> None:
        if self.custom_args:
            fix = "name the options that this class has"
            raise refuse(self, "custom_args", self.custom_args, "no call takes further arguments", fix)

    @property
    def format(self) -> Format:
        """The format whose tools it configures."""
        return Format.OPENVINO_IR

    @property
    def precisions(self) -> tuple[str, ...]:
        """What its tools lower to, and need not be asked for again."""
        return tuple(sorted(self.precision))

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return the tools with these options."""
        options = {name: getattr(self, name) for name in (*_RUNNING, *_QUANTISING, *_SEARCHING)}
        given = {name: value for name, value in options.items() if value is not None}
        return with_options(self.on_device(tools), self, **given)

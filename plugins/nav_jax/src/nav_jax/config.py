"""JaxConfig and JaxExportConfig: how functions of JAX are exported."""

from __future__ import annotations

import warnings
from typing import Any

import attrs

from nav_jax.export_stablehlo import PLATFORMS, StableHLOExporter
from navcore.configs import FormatConfig, as_tuple, checked_fields, each_of, with_options
from navcore.contracts import Tool
from navcore.formats import Format

__all__ = ["JaxConfig", "JaxExportConfig"]


@checked_fields
@attrs.frozen(kw_only=True)
class JaxExportConfig(FormatConfig):
    """Options for StableHLO.

    Attributes:
        platforms: One or several of `cpu`, `cuda`, `rocm` and `tpu`; the file runs on all of them.
        device: As for every format.
    """

    platforms: Any = attrs.field(default=("cpu", "cuda"), converter=as_tuple, validator=each_of(*PLATFORMS))

    @property
    def format(self) -> Format:
        """The format whose tools it configures."""
        return Format.JAX_STABLEHLO

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return the tools, with an exporter for these platforms."""
        return tuple(
            with_options((tool,), self, platforms=self.platforms)[0] if isinstance(tool, StableHLOExporter) else tool
            for tool in self.on_device(tools)
        )


@checked_fields
@attrs.frozen(kw_only=True)
class JaxConfig(FormatConfig):
    """Options for SavedModels that jax2tf writes, as Triton Model Navigator has them.

    They are accepted, and warned of: JAX has written SavedModels in one way only, XLA's own serialization, since the
    other one was removed from it.

    Attributes:
        enable_xla, native_serialization: True, False or a list of them; without effect. None: as they are.
        device: As for every format.
    """

    enable_xla: Any = attrs.field(default=None, converter=as_tuple, validator=each_of(None, True, False))
    native_serialization: Any = attrs.field(default=None, converter=as_tuple, validator=each_of(None, True, False))

    def __attrs_post_init__(self) -> None:
        for name in ("enable_xla", "native_serialization"):
            if getattr(self, name) != (None,):
                warnings.warn(
                    f"JaxConfig({name}=...) has no effect: JAX writes SavedModels by XLA's own serialization only; "
                    "leave it out",
                    stacklevel=4,
                )

    @property
    def format(self) -> Format:
        """The format whose tools it configures."""
        return Format.TF_SAVEDMODEL

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return the tools, runners for the device only."""
        return self.on_device(tools)

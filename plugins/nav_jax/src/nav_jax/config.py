"""JaxExportConfig: how functions of JAX are exported."""

from __future__ import annotations

from typing import Any

import attrs

from nav_jax.export_stablehlo import PLATFORMS, StableHLOExporter
from navcore.configs import FormatConfig, as_tuple, checked_fields, each_of, with_options
from navcore.contracts import Tool
from navcore.formats import Format

__all__ = ["JaxExportConfig"]


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

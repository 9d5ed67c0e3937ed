"""TorchConfig, TorchScriptConfig and TorchExportConfig: how modules and what is exported of them are run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from nav_torch.autocast_type import AutocastType
from nav_torch.jit_type import JitType
from nav_torch.live import LiveRunner
from nav_torch.loaded import LoadedRunner
from navcore.configs import (
    FormatConfig,
    as_tuple,
    checked_fields,
    each_of,
    has_option,
    is_flag,
    one_of,
    refuse,
    with_options,
)
from navcore.contracts import Edge, Tool
from navcore.domain import DeviceKind
from navcore.formats import Format

__all__ = ["RunConfig", "TorchConfig", "TorchExportConfig", "TorchScriptConfig"]


def _jit_types(value: Any) -> tuple[Any, ...]:
    """Return JitTypes, which may be given by their values."""
    known = {each.value: each for each in JitType}
    return tuple(known.get(each, each) if isinstance(each, str) else each for each in as_tuple(value))


def _autocast_type(value: Any) -> Any:
    """Return an AutocastType, which may be given by its value."""
    known = {each.value: each for each in AutocastType}
    return known.get(value, value) if value is None or isinstance(value, str) else value


@checked_fields
@attrs.frozen(kw_only=True)
class RunConfig(FormatConfig):
    """Options of everything that torch runs operator by operator.

    Attributes:
        autocast: Whether runners under torch.autocast are tried besides those in the model's own precision, in place
            of those that lower the whole model to the same precision.
        autocast_dtype: What autocast lowers to.
        inference_mode: Whether calls are made under torch.inference_mode, and not only without gradients.
        custom_args, device: As for every format.
    """

    autocast: bool = attrs.field(default=False, validator=is_flag)
    autocast_dtype: AutocastType = attrs.field(
        default=AutocastType.DEVICE, converter=_autocast_type, validator=one_of(*AutocastType)
    )
    inference_mode: bool = attrs.field(default=True, validator=is_flag)

    @property
    def precisions(self) -> tuple[str, ...]:
        """What its runners lower to, and need not be asked for again."""
        if not self.autocast:
            return ()
        return tuple(sorted({self.autocast_dtype.precision(device) for device in DeviceKind}))

    def runners(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return the tools, with runners for the device, in inference mode, and under autocast too."""
        tools = with_options(self.on_device(tools), self, inference_mode=self.inference_mode)
        if not self.autocast:
            return tools
        others = tuple(tool for tool in tools if isinstance(tool, Edge) or tool.precision not in self.precisions)
        return *others, *self._under_autocast(others)

    def _under_autocast(self, tools: tuple[Tool, ...]) -> Iterator[Tool]:
        for tool in tools:
            if isinstance(tool, LiveRunner | LoadedRunner) and tool.precision is None:
                precision = self.autocast_dtype.precision(tool.devices[0])
                name = f"{tool.name}-autocast-{precision}"
                if isinstance(tool, LiveRunner):
                    yield attrs.evolve(tool, name=name, precision=precision, plain=False, autocast=True)
                else:
                    yield attrs.evolve(tool, name=name, precision=precision)


@checked_fields
@attrs.frozen(kw_only=True)
class TorchConfig(RunConfig):
    """Options for the module itself, eager and compiled.

    Attributes:
        autocast, autocast_dtype, inference_mode: As everywhere; torch.compile is called without gradients either way.
        custom_args: None; there is no call that takes some.
        device: As for every format.
    """

    def __attrs_post_init__(self) -> None:
        if self.custom_args:
            rule = "a module is called as it is"
            fix = "for arguments of torch.compile, write TorchCompileConfig(custom_args=...)"
            raise refuse(self, "custom_args", self.custom_args, rule, fix)

    @property
    def format(self) -> Format:
        """The format whose tools it configures."""
        return Format.TORCH

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return the runners with these options."""
        return self.runners(tools)


@checked_fields
@attrs.frozen(kw_only=True)
class TorchScriptConfig(RunConfig):
    """Options for TorchScript.

    Attributes:
        jit_type: JitType.TRACE, JitType.SCRIPT or both: each makes a model.
        strict: As torch.jit.trace takes it; dicts and lists, which it is about, are taken apart before.
        autocast, autocast_dtype, inference_mode: As everywhere. The file keeps the model's own precision.
        custom_args: Arguments for torch.jit.trace or torch.jit.script.
        device: As for every format.
    """

    jit_type: Any = attrs.field(
        default=(JitType.SCRIPT, JitType.TRACE), converter=_jit_types, validator=each_of(*JitType)
    )
    strict: bool = attrs.field(default=True, validator=is_flag)

    @property
    def format(self) -> Format:
        """The format whose tools it configures."""
        return Format.TORCHSCRIPT

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return one exporter for each way, and the runners, with these options."""
        exporters = [tool for tool in tools if has_option(tool, "jit_type")]
        rest = tuple(tool for tool in tools if tool not in exporters)
        ways = tuple(self._exporter(exporters, way) for way in self.jit_type) if exporters else ()
        tools = self.with_custom_args(with_options((*ways, *rest), self, strict=self.strict))
        return self.runners(tools)

    def _exporter(self, exporters: list[Tool], way: JitType) -> Tool:
        for exporter in exporters:
            if getattr(exporter, "jit_type", None) is way:
                return exporter
        return with_options(exporters[:1], self, jit_type=way, name=f"torchscript-{way.value}")[0]


@checked_fields
@attrs.frozen(kw_only=True)
class TorchExportConfig(RunConfig):
    """Options for exported programs.

    Attributes:
        autocast, autocast_dtype, inference_mode: As everywhere. The file keeps the model's own precision.
        custom_args: Arguments for torch.export.export.
        device: As for every format.
    """

    @property
    def format(self) -> Format:
        """The format whose tools it configures."""
        return Format.TORCH_EXPORTEDPROGRAM

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return the exporter and the runners with these options."""
        return self.runners(self.with_custom_args(tools))

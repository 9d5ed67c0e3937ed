"""TorchCompileConfig and TorchAOTIConfig: how Inductor compiles, as a run goes and ahead of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import attrs

from nav_torch.run_compile import MODES, TorchCompileRunner
from navcore.configs import (
    FormatConfig,
    as_tuple,
    checked_fields,
    each_of,
    frozen_arguments,
    has_option,
    refuse,
    thawed_arguments,
    with_options,
)
from navcore.contracts import Tool
from navcore.formats import Format

__all__ = ["TorchAOTIConfig", "TorchCompileConfig"]

_COMPILE_ARGUMENTS = ("fullgraph", "options")
_WORDS = {"max-autotune-no-cudagraphs": "max-autotune-no-graphs"}
"""For modes whose own name would make the name of a tool too long."""


@checked_fields
@attrs.frozen(kw_only=True)
class TorchCompileConfig(FormatConfig):
    """Options for torch.compile; fields with several values make a runner for each combination.

    Attributes:
        mode, dynamic: As torch.compile takes them.
        freezing: Whether parameters and buffers become constants.
        custom_args: `options` and `fullgraph`, as torch.compile takes them.
        device: As for every format.
    """

    mode: Any = attrs.field(default=(None,), converter=as_tuple, validator=each_of(*MODES))
    dynamic: Any = attrs.field(default=(None,), converter=as_tuple, validator=each_of(None, True, False))
    freezing: Any = attrs.field(default=(False,), converter=as_tuple, validator=each_of(True, False))

    def __attrs_post_init__(self) -> None:
        for name, value in self.custom_args:
            if name not in _COMPILE_ARGUMENTS:
                known = " and ".join(_COMPILE_ARGUMENTS)
                fix = "write mode, dynamic and freezing as fields; Inductor is the only backend"
                raise refuse(self, f"custom_args[{name!r}]", value, f"there are {known} only", fix)
        if not isinstance(dict(thawed_arguments(self.custom_args)).get("options", {}), dict):
            raise refuse(self, "custom_args", self.custom_args, "options is no dict", "write options={'name': value}")

    @property
    def format(self) -> Format:
        """The format whose tools it configures."""
        return Format.TORCH

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return the tools, with a runner of torch.compile for each combination in place of each one."""
        found: list[Tool] = []
        for tool in self.on_device(tools):
            found += self._variants(tool) if isinstance(tool, TorchCompileRunner) else [tool]
        return tuple(found)

    def _variants(self, tool: TorchCompileRunner) -> Iterator[Tool]:
        arguments = thawed_arguments(self.custom_args)
        options = frozen_arguments(arguments.pop("options", {}))
        for mode, dynamic, freezing in itertools.product(self.mode, self.dynamic, self.freezing):
            variant = (*_mode(mode), *_word(dynamic), *(["freezing"] if freezing else []))
            yield with_options(
                (tool,),
                self,
                name="-".join((tool.name, *variant)),
                mode=mode,
                dynamic=dynamic,
                freezing=freezing,
                options=options,
                **arguments,
            )[0]


def _mode(mode: str | None) -> list[str]:
    return [] if mode is None else [_WORDS.get(mode, mode)]


def _word(dynamic: bool | None) -> list[str]:
    return [] if dynamic is None else ["dynamic" if dynamic else "static"]


@checked_fields
@attrs.frozen(kw_only=True)
class TorchAOTIConfig(FormatConfig):
    """Options for AOTInductor; a field with several values makes a model for each.

    Attributes:
        freezing: Whether parameters and buffers become constants.
        custom_args: Settings of Inductor, by name.
        device: As for every format.
    """

    freezing: Any = attrs.field(default=(False,), converter=as_tuple, validator=each_of(True, False))

    @property
    def format(self) -> Format:
        """The format whose tools it configures."""
        return Format.TORCH_AOTI

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return a converter for each value, and the runners for the device."""
        able = [tool for tool in tools if has_option(tool, "freezing")]
        if not able:
            with_options(tools, self, freezing=self.freezing)  # raises that there is none
        plain = next((tool for tool in able if not getattr(tool, "freezing", False)), able[0])
        rest = tuple(tool for tool in self.on_device(tools) if tool not in able)
        names = {False: plain.name, True: f"{plain.name}-freezing"}
        made = [with_options((plain,), self, name=names[each], freezing=each)[0] for each in self.freezing]
        return self.with_custom_args((*made, *rest))

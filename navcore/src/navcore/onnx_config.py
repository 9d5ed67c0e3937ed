"""OnnxConfig: how ONNX is made, whoever makes it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from navcore.configs import (
    FormatConfig,
    as_tuple,
    checked_fields,
    has_option,
    is_flag,
    is_whole,
    refuse,
    takes,
    with_options,
)
from navcore.contracts import Converter, Edge, Exporter, Stage, Tool
from navcore.formats import Format

__all__ = ["OnnxConfig", "OnnxDynamoExportConfig", "OnnxTraceExportConfig"]

_OPSETS = (7, 26)
"""From what torch's older exporter can write to what ONNX Runtime 1.31 reads."""


@checked_fields
@attrs.frozen(kw_only=True)
class OnnxTraceExportConfig:
    """PyTorch's older exporter, which traces the model."""

    @property
    def engine(self) -> str:
        """Name of the exporter's engine."""
        return "trace"


@checked_fields
@attrs.frozen(kw_only=True)
class OnnxDynamoExportConfig:
    """PyTorch's newer exporter, which goes through torch.export.

    Attributes:
        dynamo_dynamic_shapes: Dimensions that vary are dynamic, whether it is None or True.
    """

    dynamo_dynamic_shapes: bool | None = attrs.field(default=None)

    @dynamo_dynamic_shapes.validator
    def _check(self, _attribute: object, value: object) -> None:
        if value is not None and value is not True:
            rule = "what varies between samples has to be dynamic, or other sizes would fail"
            raise refuse(self, "dynamo_dynamic_shapes", value, rule, "give samples of one size, with batching=False")

    @property
    def engine(self) -> str:
        """Name of the exporter's engine."""
        return "dynamo"


_ENGINES = (OnnxTraceExportConfig, OnnxDynamoExportConfig)


def _axes(value: Any) -> Any:
    """Return axes as pairs that can be hashed; what is not of the right form comes back as it is."""
    if not isinstance(value, Mapping):
        return value
    return tuple((name, _names_of(name, axes)) for name, axes in sorted(value.items(), key=str))


def _names_of(name: object, axes: Any) -> Any:
    if isinstance(axes, Mapping):
        return tuple(sorted(axes.items(), key=str))
    return tuple((axis, f"{name}_{axis}") for axis in axes) if isinstance(axes, list | tuple) else axes


def _path(value: Any) -> Any:
    return os.path.abspath(value) if isinstance(value, os.PathLike | str) else value


@checked_fields
@attrs.frozen(kw_only=True)
class OnnxConfig(FormatConfig):
    """Options for everything that makes ONNX.

    Attributes:
        opset: Version of the ONNX operators; None: that of the tool.
        dynamic_axes: Axes of inputs that the file keeps dynamic, `{"input": {0: "batch"}}` or `{"input": [0]}`: at
            least those that differ between samples. None: those alone.
        model_path: An `.onnx` file that takes the place of everything that would make one; its side files go with it.
        export_engine: OnnxTraceExportConfig(), OnnxDynamoExportConfig() or several of them: each makes a model. None:
            the newer one, and the older one where that fails.
        onnx_extended_conversion: Whether ONNX is made from TorchScript and exported programs too, where nothing failed.
        graph_surgeon_optimization: Whether passes that tidy the finished ONNX graph are tried, where plugins have some;
            those that lower its precision go by what is asked for.
        export_device: None. Models are exported where they are.
        custom_args, device: As for every format; arguments go to `torch.onnx.export`.
    """

    opset: int | None = attrs.field(default=None, validator=is_whole(*_OPSETS))
    dynamic_axes: Any = attrs.field(default=None, converter=_axes)
    model_path: str | None = attrs.field(default=None, converter=_path)
    export_engine: Any = attrs.field(default=None, converter=attrs.converters.optional(as_tuple))
    onnx_extended_conversion: bool = attrs.field(default=False, validator=is_flag)
    graph_surgeon_optimization: bool = attrs.field(default=True, validator=is_flag)
    export_device: str | None = attrs.field(default=None)

    @dynamic_axes.validator
    def _check_axes(self, _attribute: object, value: Any) -> None:
        well_formed = value is None or (
            isinstance(value, tuple)
            and all(isinstance(name, str) and isinstance(axes, tuple) for name, axes in value)
            and all(_is_axis(axis, dimension) for _, axes in value for axis, dimension in axes)
        )
        if not well_formed:
            rule = "it is no mapping of input names to axes, which are numbers from 0 with names"
            raise refuse(self, "dynamic_axes", value, rule, "write {'input': {0: 'batch'}} or {'input': [0]}")

    @model_path.validator
    def _check_path(self, _attribute: object, value: Any) -> None:
        if value is None:
            return
        if not isinstance(value, str) or not value.lower().endswith(".onnx") or not Path(value).is_file():
            raise refuse(self, "model_path", value, "there is no such .onnx file", "give the path of one")

    @export_engine.validator
    def _check_engines(self, _attribute: object, value: Any) -> None:
        if value is not None and not (value and all(isinstance(each, _ENGINES) for each in value)):
            shown = value[0] if len(value) == 1 else value
            listing = " or ".join(f"{kind.__name__}()" for kind in _ENGINES)
            raise refuse(self, "export_engine", shown, f"it is not {listing}", f"write {listing}, or a list of them")

    @export_device.validator
    def _check_export_device(self, _attribute: object, value: object) -> None:
        if value is not None:
            rule = "models are exported where they are"
            raise refuse(self, "export_device", value, rule, "leave it out, and give the model on that device")

    def __attrs_post_init__(self) -> None:
        for name in ("opset", "dynamic_axes", "export_engine", "custom_args", "onnx_extended_conversion"):
            if self.model_path is not None and getattr(self, name):
                rule = f"model_path={self.model_path!r} is taken as it is"
                raise refuse(self, name, getattr(self, name), rule, f"leave {name} or model_path out")

    @property
    def format(self) -> Format:
        """The format whose tools it configures."""
        return Format.ONNX

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return the tools with these options.

        Raises:
            UsageError: No tool has an option that is set.
        """
        tools = self.on_device(tools)
        if not self.graph_surgeon_optimization:
            tools = tuple(tool for tool in tools if not _tidies(tool))
        if self.model_path is not None:
            return _from_file(tools, self, self.model_path)
        tools = tuple(self._walked(tool) for tool in self._by_engine(tools))
        if self.opset is not None:
            self._check_opset_of(tools, self.opset)
            tools = with_options(tools, self, opset=self.opset)
        if self.dynamic_axes is not None:
            tools = with_options(tools, self, dynamic_axes=self.dynamic_axes)
        return self.with_custom_args(tools)

    def _check_opset_of(self, tools: tuple[Tool, ...], opset: int) -> None:
        """Refuse an opset that only some of the engines write, and say which."""
        able = [tool for tool in tools if has_option(tool, "opset")]
        refusing = [tool for tool in able if not takes(tool, opset=opset)]
        engines = {getattr(tool, "engine", None) for tool in able if tool not in refusing}
        others = [f"export_engine={kind.__name__}()" for kind in _ENGINES if kind().engine in engines]
        if refusing and others:
            rule = f"{refusing[0].name!r} does not write it"
            raise refuse(self, "opset", opset, rule, f"choose who does: {' or '.join(others)}")

    def _by_engine(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return what the chosen engines make, converters only where they are asked for, and what makes no ONNX.

        Raises:
            UsageError: No exporter here has an engine that was chosen.
        """
        if self.export_engine is None:
            return tools
        chosen = {each.engine: each for each in self.export_engine}
        found = {getattr(tool, "engine", None) for tool in tools if isinstance(tool, Exporter)}
        for engine, each in chosen.items():
            if engine not in found:
                raise refuse(self, "export_engine", each, "no exporter here has this engine", "pip install nav-torch")
        return tuple(tool for tool in tools if self._is_chosen(tool, chosen))

    def _is_chosen(self, tool: Tool, engines: Mapping[str, Any]) -> bool:
        if not isinstance(tool, Edge) or tool.is_pass:
            return True
        if isinstance(tool, Converter):
            return self.onnx_extended_conversion and getattr(tool, "engine", None) in (None, *engines)
        return getattr(tool, "engine", None) in engines

    def _walked(self, tool: Tool) -> Tool:
        """Return the tool, walked whatever else gives ONNX where it was asked for."""
        asked = self.export_engine is not None if isinstance(tool, Exporter) else self.onnx_extended_conversion
        return attrs.evolve(tool, fallback=False) if isinstance(tool, Edge) and asked and not tool.is_pass else tool


def _tidies(tool: Tool) -> bool:
    """Return whether the tool is a pass over ONNX that keeps the precision."""
    return isinstance(tool, Edge) and tool.is_pass and tool.stage is not Stage.PRECISION


def _from_file(tools: tuple[Tool, ...], config: OnnxConfig, path: str) -> tuple[Tool, ...]:
    """Return the tools, with one that takes the file in place of those that make ONNX of something else.

    Raises:
        UsageError: No exporter can stand aside for a file.
    """
    able = [tool for tool in tools if isinstance(tool, Exporter) and hasattr(tool, "from_file")]
    if not able:
        rule = "no exporter here lets a file take its place"
        raise refuse(config, "model_path", path, rule, "pip install nav-torch, or optimise the file: nav.onnx.optimize")
    first = min(able, key=lambda tool: (tool.fallback, tool.name))
    rest = (tool for tool in tools if not isinstance(tool, Edge) or tool.is_pass)
    return (first.from_file(path), *rest)


def _is_axis(axis: object, dimension: object) -> bool:
    numbered = isinstance(axis, int) and not isinstance(axis, bool) and axis >= 0
    return numbered and isinstance(dimension, str) and dimension.isidentifier()

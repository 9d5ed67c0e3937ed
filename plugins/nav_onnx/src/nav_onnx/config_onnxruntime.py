"""OnnxRuntimeConfig: how ONNX Runtime runs a model, one way or several that are compared."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import attrs

from nav_onnx.run_onnxruntime import OnnxRuntimeRunner
from nav_onnx.session_settings import EXECUTIONS, OPTIMIZATIONS
from navcore.configs import FormatConfig, as_tuple, checked_fields, each_of, is_flag, is_whole, refuse, with_options
from navcore.contracts import Tool
from navcore.formats import Format

__all__ = ["OnnxRuntimeConfig"]

_IS_COUNT = is_whole(1)


def _are_counts(config: object, field: attrs.Attribute[Any], values: tuple[object, ...]) -> None:
    if not values:
        raise refuse(config, field.name, values, "it is empty", f"leave {field.name} out for its default")
    for value in values:
        _IS_COUNT(config, field, value)


@checked_fields
@attrs.frozen(kw_only=True)
class OnnxRuntimeConfig(FormatConfig):
    """Options for the runners on ONNX Runtime; fields with several values make a runner for each combination.

    Attributes:
        threads, inter_threads, execution, spinning, optimization, arena: As `nav_onnx.OnnxRuntimeRunner` has them.
        cpu_fallback: Whether the CPU may run what another provider does not take.
        device: As for every format.
    """

    threads: Any = attrs.field(default=(None,), converter=as_tuple, validator=_are_counts)
    inter_threads: Any = attrs.field(default=(None,), converter=as_tuple, validator=_are_counts)
    execution: Any = attrs.field(default=("sequential",), converter=as_tuple, validator=each_of(*EXECUTIONS))
    spinning: Any = attrs.field(default=(True,), converter=as_tuple, validator=each_of(True, False))
    optimization: Any = attrs.field(default=("all",), converter=as_tuple, validator=each_of(*OPTIMIZATIONS))
    arena: Any = attrs.field(default=(True,), converter=as_tuple, validator=each_of(True, False))
    cpu_fallback: bool = attrs.field(default=True, validator=is_flag)

    def __attrs_post_init__(self) -> None:
        if self.custom_args:
            fix = "give a runner of your own: runners=[nav_onnx.OnnxRuntimeRunner(..., provider_options=...)]"
            raise refuse(self, "custom_args", self.custom_args, "ONNX Runtime is called with its fields only", fix)
        if self.inter_threads != (None,) and "parallel" not in self.execution:
            rule = "it has no effect with execution='sequential'"
            raise refuse(self, "inter_threads", self.inter_threads, rule, "write execution='parallel', or leave it out")

    @property
    def format(self) -> Format:
        """The format whose tools it configures."""
        return Format.ONNX

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return the tools, with a runner for each combination in place of each one on ONNX Runtime."""
        found: list[Tool] = []
        for tool in self.on_device(tools):
            found += self._variants(tool) if isinstance(tool, OnnxRuntimeRunner) else [tool]
        return tuple(found)

    def _variants(self, tool: OnnxRuntimeRunner) -> Iterator[Tool]:
        fields = ("threads", "inter_threads", "execution", "spinning", "optimization", "arena")
        for values in itertools.product(*(getattr(self, name) for name in fields)):
            options = dict(zip(fields, values, strict=True))
            if options["execution"] == "sequential" and options["inter_threads"] is not None:
                continue  # of several executions: only the parallel one has such threads
            name = "-".join((tool.name, *_words(options)))
            yield with_options((tool,), self, name=name, cpu_fallback=self.cpu_fallback, **options)[0]


def _words(options: dict[str, Any]) -> Iterator[str]:
    """Yield what tells a combination from the default."""
    if options["threads"] is not None:
        yield f"t{options['threads']}"
    if options["execution"] != "sequential":
        yield options["execution"] if options["inter_threads"] is None else f"parallel-{options['inter_threads']}"
    if not options["spinning"]:
        yield "no-spinning"
    if options["optimization"] != "all":
        yield str(options["optimization"])
    if not options["arena"]:
        yield "no-arena"

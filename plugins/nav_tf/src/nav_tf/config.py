"""TensorFlowConfig: how models of TensorFlow are saved, and whether SavedModels are compiled."""

from __future__ import annotations

from typing import Any

import attrs

from nav_tf.run_savedmodel import SavedModelRunner
from navcore.configs import FormatConfig, as_tuple, checked_fields, each_of, refuse
from navcore.contracts import Tool
from navcore.formats import Format

__all__ = ["TensorFlowConfig"]


def _is_no_choice(config: object, field: attrs.Attribute[Any], value: tuple[object, ...]) -> None:
    if value != (None,):
        rule = "it is an option of jax2tf, and TensorFlow compiles in one way"
        raise refuse(config, field.name, value, rule, "write jit_compile=True, or leave it out")


@checked_fields
@attrs.frozen(kw_only=True)
class TensorFlowConfig(FormatConfig):
    """Options for SavedModels.

    Attributes:
        jit_compile: `True`: XLA compiles them, `False`: it does not, or both in a tuple; None: both are tried.
        enable_xla: None.
        custom_args: Arguments for `tf.saved_model.SaveOptions`.
        device: As for every format.
    """

    jit_compile: Any = attrs.field(default=(None,), converter=as_tuple, validator=each_of(None, True, False))
    enable_xla: Any = attrs.field(default=(None,), converter=as_tuple, validator=_is_no_choice)

    @property
    def format(self) -> Format:
        """The format whose tools it configures."""
        return Format.TF_SAVEDMODEL

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return the exporter with the arguments, and the runners that are wanted."""
        wanted = (True, False) if None in self.jit_compile else self.jit_compile
        kept = (
            tool
            for tool in self.on_device(tools)
            if not isinstance(tool, SavedModelRunner) or tool.jit_compile in wanted
        )
        return self.with_custom_args(kept)

"""Formats: how a model is held.

An open set: a plugin may make its own with `Format("my-format", suffix=".bin")`. Those listed on the
class are the ones that several plugins meet in.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import ClassVar

import attrs

from navcore.keywords import checked_options

__all__ = ["Format", "Risk"]

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Risk(str, Enum):
    """What opening an artifact of a format can do on this machine."""

    DATA = "data"
    PARSER = "parser"
    CODE = "code"


def _check_name(_instance: object, _attribute: object, value: str) -> None:
    if not _NAME.fullmatch(value):
        raise ValueError(f"format name={value!r}: must be lower-case words joined by '-', for example 'my-format'")


@checked_options
@attrs.frozen
class Format:
    """One way in which a model is held; equal by name.

    Attributes:
        name: Lower-case words joined by dashes.
        suffix: File ending of an artifact, with its dot; empty where the artifact is a folder or a live object.
        live: True for an object in memory, which has no file.
        risk: What opening a stranger's artifact can do; code unless the format says otherwise.
    """

    name: str = attrs.field(validator=_check_name)
    suffix: str = attrs.field(default="", eq=False)
    live: bool = attrs.field(default=False, eq=False)
    risk: Risk = attrs.field(default=Risk.CODE, eq=False)

    PYTHON: ClassVar[Format]
    TORCH: ClassVar[Format]
    TORCHSCRIPT: ClassVar[Format]
    TORCH_EXPORTEDPROGRAM: ClassVar[Format]
    TORCH_AOTI: ClassVar[Format]
    TORCH_TRT: ClassVar[Format]
    ONNX: ClassVar[Format]
    OPENVINO_IR: ClassVar[Format]
    TENSORRT: ClassVar[Format]
    TENSORFLOW: ClassVar[Format]
    TF_SAVEDMODEL: ClassVar[Format]
    TF_TRT: ClassVar[Format]
    TFLITE: ClassVar[Format]
    JAX: ClassVar[Format]
    JAX_STABLEHLO: ClassVar[Format]

    def __str__(self) -> str:
        return self.name


Format.PYTHON = Format("python", live=True)
Format.TORCH = Format("torch", live=True)
Format.TORCHSCRIPT = Format("torchscript", suffix=".pt")
Format.TORCH_EXPORTEDPROGRAM = Format("torch-exportedprogram", suffix=".pt2")
Format.TORCH_AOTI = Format("torch-aoti", suffix=".pt2")
Format.TORCH_TRT = Format("torch-trt", suffix=".ep")
Format.ONNX = Format("onnx", suffix=".onnx", risk=Risk.DATA)
Format.OPENVINO_IR = Format("openvino-ir", suffix=".xml", risk=Risk.DATA)
Format.TENSORRT = Format("trt", suffix=".plan", risk=Risk.PARSER)
Format.TENSORFLOW = Format("tensorflow", live=True)
Format.TF_SAVEDMODEL = Format("tf-savedmodel")
Format.TF_TRT = Format("tf-trt")
Format.TFLITE = Format("tflite", suffix=".tflite", risk=Risk.PARSER)
Format.JAX = Format("jax", live=True)
Format.JAX_STABLEHLO = Format("jax-stablehlo", suffix=".jaxexport")

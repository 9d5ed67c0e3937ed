"""Converts SavedModel folders to LiteRT, which was called TensorFlow Lite."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import attrs

from nav_tf.framework import load_tensorflow
from nav_tf.needs import missing_litert, missing_tensorflow
from nav_tf.saved_model_file import saved_signature
from navcore.contracts import Converter, Model
from navcore.domain import Signature
from navcore.errors import NavError, first_line
from navcore.formats import Format

__all__ = ["TFLiteConverter", "TFLiteError"]

_LONGEST = 300


class TFLiteError(NavError):
    """What LiteRT's converter refuses, or loses."""


@attrs.frozen(kw_only=True)
class TFLiteConverter(Converter):
    """Writes the signature by which the SavedModel is called as a `.tflite` file, of LiteRT's own operators only.

    In int8 weights are quantised, and activations while the model runs, so that no samples are needed.
    """

    name: str = "tflite"
    source: Format = Format.TF_SAVEDMODEL
    target: Format = Format.TFLITE
    imports: tuple[str, ...] = ("nav_tf.imported", "ai_edge_litert.interpreter")
    precision: str | None = attrs.field(default=None, validator=attrs.validators.in_((None, "int8")))

    def unavailable(self) -> str | None:
        return missing_tensorflow() or missing_litert()

    def write(self, model: Model, out: Path) -> Signature:
        tensorflow = load_tensorflow()
        from ai_edge_litert.interpreter import Interpreter

        if model.path is None:
            raise ValueError(f"{self.name} needs a folder, and was given a {model.format} without a path")
        called = saved_signature(model.path)
        converter = tensorflow.lite.TFLiteConverter.from_saved_model(str(model.path), [called], {"serve"})
        if self.precision == "int8":
            converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        try:
            content: bytes = converter.convert()
        except Exception as error:  # a class of the converter's own, and what C++ raises
            raise _explained(error) from error
        _check(Interpreter(model_content=content).get_signature_runner(called), model.signature)
        out.write_bytes(content)
        return model.signature


def _explained(error: Exception) -> TFLiteError:
    """Return what the compiler says first of what it does not translate; its own messages are pages long."""
    text = str(error)
    if operators := re.search(r"^(?:Custom|Flex|TF Select) ops: ([^\n]+)", text, re.MULTILINE):
        told = f"LiteRT has no operators {operators[1]}"
    else:
        found = re.search(r"'tf\.(\w+)' op ([^\n]+)", text)
        place = f"{found[1]}, because it {found[2]}" if found else f"the model: {first_line(error)}"
        told = f"LiteRT's converter cannot translate {place}"
    return TFLiteError(told[:_LONGEST], "use another operation in the model, or another route")


def _check(runner: Any, signature: Signature) -> None:
    """Refuse a file that lost an output, or fixed a size that varies."""
    outputs = runner.get_output_details()
    found = {**runner.get_input_details(), **outputs}
    for spec in signature.outputs:
        if spec.name not in outputs:
            raise TFLiteError(
                f"LiteRT's model has no output {spec.name!r}, only {', '.join(sorted(outputs))}",
                "give the SavedModel a signature serving_default with this output",
            )
    for spec in (*signature.inputs, *signature.outputs):
        sizes = found[spec.name]["shape_signature"] if spec.name in found else ()
        for named, size in zip(spec.shape, sizes, strict=False):  # an empty one is not known
            if isinstance(named, str) and size >= 0:
                raise TFLiteError(
                    f"{named} was baked in: {spec.name} is {size} in LiteRT's model",
                    "take sizes from tf.shape(tensor) in the model, not from tensor.shape",
                )

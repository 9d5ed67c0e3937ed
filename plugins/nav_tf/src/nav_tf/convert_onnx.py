"""Converts SavedModel folders to ONNX, by tf2onnx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from nav_tf.framework import load_tensorflow
from nav_tf.needs import missing_tf2onnx
from nav_tf.saved_model_file import saved_signature
from nav_tf.stablehlo import holds_stablehlo
from nav_tf.tf2onnx_result import completed, unwritten_opset
from navcore.contracts import Converter, Model
from navcore.domain import Signature
from navcore.formats import Format

__all__ = ["TFOnnxConverter"]

_LARGEST_BYTES = 2**31 - 2**20
"""Of one protocol buffer, with room for the graph beside the weights."""


@attrs.frozen(kw_only=True)
class TFOnnxConverter(Converter):
    """Writes the signature by which the SavedModel is called, with the dimensions that vary by name.

    Attributes:
        opset: Version of the ONNX operators.
    """

    name: str = "onnx"
    source: Format = Format.TF_SAVEDMODEL
    target: Format = Format.ONNX
    imports: tuple[str, ...] = ("nav_tf.imported",)
    opset: int = 18

    def unavailable(self) -> str | None:
        return missing_tf2onnx()

    def unsuited(self, model: Model) -> str | None:
        # Not in a validator of the field: OnnxConfig sets it for the models of all frameworks at once.
        if (unwritten := unwritten_opset(self.opset)) is not None or model.path is None:
            return unwritten
        if holds_stablehlo(model.path):
            return (
                "the SavedModel holds StableHLO that JAX wrote, in the operator XlaCallModule, which tf2onnx cannot "
                "read; export the JAX function to ONNX instead"
            )
        if _weight_bytes(model.path) > _LARGEST_BYTES:
            return "tf2onnx puts the weights into one protocol buffer, which has at most 2 GiB, and these are larger"
        return None

    def write(self, model: Model, out: Path) -> Signature:
        import onnx

        if model.path is None:
            raise ValueError(f"{self.name} needs a folder, and was given a {model.format} without a path")
        onnx.save(completed(_converted(model.path, self.opset), model.signature), str(out))
        onnx.checker.check_model(str(out), full_check=True)
        return model.signature


def _weight_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "variables").glob("*") if path.is_file())


def _converted(folder: Path, opset: int) -> Any:
    """Return the `onnx.ModelProto`; as `python -m tf2onnx.convert --saved-model` makes it, in this process."""
    tensorflow = load_tensorflow()
    from tf2onnx import tf_loader
    from tf2onnx.convert import _convert_common

    graph, inputs, outputs, tables, names = tf_loader.from_saved_model(
        str(folder),
        None,
        None,
        tag=["serve"],
        signatures=[saved_signature(folder)],
        return_initialized_tables=True,
        return_tensors_to_rename=True,
    )
    with tensorflow.device("/cpu:0"):
        made, _ = _convert_common(
            graph,
            name="model",
            opset=opset,
            input_names=inputs,
            output_names=outputs,
            tensors_to_rename=names,
            initialized_tables=tables,
        )
    return made

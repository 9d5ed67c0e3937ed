"""ONNX by Keras's own export, which goes through tf2onnx."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import attrs

from nav_tf.framework import load_tensorflow
from nav_tf.keras_export import graph_name, input_signature, unexportable
from nav_tf.needs import missing_tf2onnx
from nav_tf.tf2onnx_result import completed, unwritten_opset
from navcore.contracts import Exporter, Model
from navcore.domain import Signature
from navcore.formats import Format

__all__ = ["KerasOnnxExporter"]


@attrs.frozen(kw_only=True)
class KerasOnnxExporter(Exporter):
    """Stands in for the way through a SavedModel, which gives the same graph in a worker.

    Attributes:
        opset: Version of the ONNX operators.
    """

    name: str = "keras-onnx"
    source: Format = Format.TENSORFLOW
    target: Format = Format.ONNX
    fallback: bool = True
    opset: int = 18

    def unavailable(self) -> str | None:
        return missing_tf2onnx()

    def unsuited(self, model: Model) -> str | None:
        return unwritten_opset(self.opset) or unexportable(model)

    def write(self, model: Model, out: Path) -> Signature:
        load_tensorflow()
        import onnx

        with warnings.catch_warnings():
            # Keras asks whether NumPy has `np.object`, which warns.
            warnings.simplefilter("ignore", FutureWarning)
            model.object.export(
                str(out),
                format="onnx",
                input_signature=input_signature(model),
                opset_version=self.opset,
                verbose=False,
            )
        made = onnx.load(str(out))
        _name_outputs(made.graph, model.signature)
        onnx.save(completed(made, model.signature), str(out))
        onnx.checker.check_model(str(out), full_check=True)
        return model.signature


def _name_outputs(graph: Any, signature: Signature) -> None:
    """Give the outputs that are in no dict the signature's names."""
    from onnx import helper

    found = {value.name: value for value in graph.output}
    for place, name in enumerate(signature.output_names):
        if name not in found and (old := graph_name(place)) in found:
            graph.node.append(helper.make_node("Identity", [old], [name]))
            found[old].name = name

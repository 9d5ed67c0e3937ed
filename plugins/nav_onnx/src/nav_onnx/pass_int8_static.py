"""Converts ONNX to ONNX in int8, with Q/DQ pairs: ranges of activations come from samples."""

from __future__ import annotations

from pathlib import Path

import attrs

from nav_onnx.fake_int8 import rounded
from nav_onnx.graph_facts import GraphFacts
from nav_onnx.int8_kind import Int8Kind, int8_kind
from nav_onnx.pass_error import PassError
from nav_onnx.pass_files import input_file, scratch_folder, store
from nav_onnx.pass_int8 import Int8Pass
from nav_onnx.prepared import prepared
from nav_onnx.quantise import (
    FOLLOWERS,
    LOWEST_OPSET,
    WEIGHTED,
    StaticForm,
    quantised_statically,
    static_op_types,
    with_weights,
)
from nav_onnx.ranges import METHODS, calibrated
from navcore.contracts import Model
from navcore.domain import Signature

__all__ = ["ACTIVATIONS", "OnnxInt8"]

ACTIVATIONS = ("", "int8", "uint8")


@attrs.frozen(kw_only=True)
class OnnxInt8(Int8Pass):
    """Calibrated with `model.examples`, so with the user's samples.

    For TensorRT: `activations="int8", symmetric=True, quantize_bias=False, reduce_range=False`.

    Attributes:
        method: How ranges are made of the values on samples: `minmax`, `entropy` or `percentile`.
        percentile: Share of the values inside of the range, for the method of this name.
        activations: `int8` or `uint8`; empty: what the processor multiplies well.
        symmetric: Whether activations have their zero at 0.
        quantize_bias: Whether biases become int32, or stay in float.
        calibration_samples: Most samples that are looked at.
    """

    name: str = "onnx-int8"
    method: str = attrs.field(default="minmax", validator=attrs.validators.in_(METHODS))
    percentile: float = attrs.field(default=99.999, validator=[attrs.validators.gt(0), attrs.validators.le(100)])
    activations: str = attrs.field(default="", validator=attrs.validators.in_(ACTIVATIONS))
    symmetric: bool = False
    quantize_bias: bool = True
    calibration_samples: int = attrs.field(default=100, validator=attrs.validators.ge(1))

    def _nothing_to_do(self, facts: GraphFacts) -> str | None:
        if "onnx-fuse" in facts.passes:
            return "fused operators hide the products that it quantises, and runtimes fuse quantised ones themselves"
        return None if facts.has(*self.op_types) else self._without_weights(facts, WEIGHTED)

    def write(self, model: Model, out: Path) -> Signature:
        if not model.examples:
            raise PassError(f"{self.name} needs samples to find ranges with", "pass a dataloader")
        with scratch_folder(out) as folder:
            graph = prepared(input_file(model), LOWEST_OPSET)
            path = store(graph, folder / "prepared.onnx")
            op_types = self.op_types or static_op_types(graph)
            samples = model.examples[: self.calibration_samples]
            print(f"{self.method} over {len(samples)} samples; operators: {', '.join(op_types)}")
            ranges = calibrated(
                path,
                samples,
                self.method,
                percentile=self.percentile,
                symmetric=self.symmetric,
                op_types=op_types,
            )
            nodes = with_weights(graph, op_types)
            followers = [node.name for node in nodes if node.op_type in FOLLOWERS]
            form = self._form()
            return self._found(
                model,
                out,
                folder,
                [node.name for node in nodes if node.op_type not in FOLLOWERS],
                lambda some: quantised_statically(graph, ranges, (*some, *followers), op_types, form),
                lambda some: rounded(graph, some, ranges),
            )

    def _form(self) -> StaticForm:
        kind = int8_kind()
        return StaticForm(
            kind=Int8Kind(
                signed=kind.signed if not self.activations else self.activations == "int8",
                reduce_range=kind.reduce_range if self.reduce_range is None else self.reduce_range,
            ),
            per_channel=self.per_channel,
            symmetric=self.symmetric,
            quantize_bias=self.quantize_bias,
        )

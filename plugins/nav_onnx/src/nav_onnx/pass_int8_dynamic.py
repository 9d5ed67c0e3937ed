"""Converts ONNX to ONNX with weights in int8, and activations quantised while it runs."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import attrs

from nav_onnx.fake_int8 import rounded
from nav_onnx.graph_facts import GraphFacts
from nav_onnx.int8_kind import int8_kind
from nav_onnx.pass_files import input_file, scratch_folder, store
from nav_onnx.pass_int8 import Int8Pass
from nav_onnx.prepared import name_nodes, prepared
from nav_onnx.quantise import quantised_dynamically, with_weights
from navcore.contracts import Model
from navcore.domain import Signature

__all__ = ["OnnxInt8Dynamic"]

_LOWEST_OPSET = 11  # the first that has all integer operators
_USUAL = ("MatMul", "Attention")


@attrs.frozen(kw_only=True)
class OnnxInt8Dynamic(Int8Pass):
    """Needs no calibration.

    Only products of matrices, unless `op_types` names more: dynamic convolutions took three times as long as those in
    float (ResNet-18, onnxruntime 1.31, one and two threads).
    """

    name: str = "onnx-int8-dynamic"

    def _nothing_to_do(self, facts: GraphFacts) -> str | None:
        if "onnx-fuse" in facts.passes and not facts.has("Attention"):
            return "no attention was fused, so that it would give what it gives without onnx-fuse"
        return self._without_weights(facts, self.op_types or ("Attention", "Gemm", "MatMul"))

    def write(self, model: Model, out: Path) -> Signature:
        with scratch_folder(out) as folder:
            graph = _without_gemm(prepared(input_file(model), _LOWEST_OPSET))
            path = store(graph, folder / "prepared.onnx")
            op_types = self.op_types or _USUAL
            candidates = [node.name for node in with_weights(graph, op_types)]
            quantised = functools.partial(
                quantised_dynamically,
                path,
                op_types=op_types,
                per_channel=self.per_channel,
                reduce_range=int8_kind().reduce_range if self.reduce_range is None else self.reduce_range,
            )
            return self._found(model, out, folder, candidates, quantised, functools.partial(rounded, graph))


def _without_gemm(proto: Any) -> Any:
    """Return the graph with MatMul and Add in place of Gemm, which has no dynamic form."""
    from onnxruntime.quantization.onnx_model import ONNXModel

    model = ONNXModel(proto)
    model.replace_gemm_with_matmul()
    name_nodes(model.model)
    return model.model

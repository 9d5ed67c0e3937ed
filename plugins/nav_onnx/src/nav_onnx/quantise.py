"""Quantises a graph with onnxruntime.quantization: statically, with Q/DQ around tensors, or dynamically."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import attrs

from nav_onnx.graphs import copied
from nav_onnx.int8_kind import Int8Kind

__all__ = [
    "CHAINS",
    "FOLLOWERS",
    "FUSED",
    "LOWEST_OPSET",
    "WEIGHTED",
    "StaticForm",
    "quantised_dynamically",
    "quantised_statically",
    "static_op_types",
    "with_weights",
]

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Operators that multiply with weights: where the time goes."""

CHAINS = (
    *("Add", "AveragePool", "Clip", "Concat", "Flatten", "GlobalAveragePool", "LeakyRelu", "MaxPool", "Mul", "Pad"),
    *("Relu", "Reshape", "Resize", "Sigmoid", "Split", "Squeeze", "Transpose", "Unsqueeze"),
)
"""Operators between convolutions that ONNX Runtime computes in int8, so that nothing is turned back in between."""

FUSED = ("Attention",)
"""Operators of ONNX Runtime that multiply with weights, among others."""

FOLLOWERS = ("Clip", "Flatten", "MaxPool", "Relu", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
"""Operators that are in int8 where what they take is, and change no value by it."""

LOWEST_OPSET = 13
"""The first in which DequantizeLinear takes a scale per channel."""


@attrs.frozen(kw_only=True)
class StaticForm:
    """How tensors are held.

    Attributes:
        kind: Types, and bits of weights.
        per_channel: Whether each output channel of a weight has a scale of its own.
        symmetric: Whether activations have their zero at 0, as TensorRT wants it.
        quantize_bias: Whether biases become int32; TensorRT wants them in float.
    """

    kind: Int8Kind
    per_channel: bool = True
    symmetric: bool = False
    quantize_bias: bool = True


def static_op_types(proto: Any) -> tuple[str, ...]:
    """Return the operators to quantise: in a net of convolutions those between them too, or only what has weights.

    In a Transformer the sums around layer normalisation, which stays in float, would be turned to int8 and back, which
    takes time and costs most of the accuracy (MiniLM: cosine 0.28 with all operators, 0.87 with MatMul alone).
    """
    counts = Counter(node.op_type for node in with_weights(proto, WEIGHTED))
    convolutions = counts["Conv"] + counts["ConvTranspose"]
    return (*WEIGHTED, *CHAINS) if convolutions > counts["Gemm"] + counts["MatMul"] else WEIGHTED


def with_weights(proto: Any, op_types: Sequence[str]) -> list[Any]:
    """Return the nodes of these operators in the main graph, of those that multiply only where it is with weights.

    Products of two activations lose much accuracy.
    """
    weights = {tensor.name for tensor in proto.graph.initializer}
    found = (node for node in proto.graph.node if node.op_type in op_types)
    return [node for node in found if node.op_type not in (*WEIGHTED, *FUSED) or weights & set(node.input)]


def quantised_statically(
    proto: Any, ranges: Any, nodes: Collection[str], op_types: Sequence[str], form: StaticForm
) -> Any:
    """Return a copy of the graph with Q/DQ pairs around the tensors of these nodes.

    Args:
        proto: Every node has a name, and every tensor a type.
        ranges: As `nav_onnx.ranges.calibrated` returns them.
        nodes: Names; at least one.
        op_types: Operators of the nodes.
        form: How tensors are held.
    """
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    quantizer = QDQQuantizer(
        copied(proto),
        form.per_channel,
        form.kind.reduce_range,
        QuantType.QInt8,
        QuantType.QInt8 if form.kind.signed else QuantType.QUInt8,
        ranges,
        list(nodes),
        [],
        list(op_types),
        {
            "ActivationSymmetric": form.symmetric,
            "WeightSymmetric": True,
            "QuantizeBias": form.quantize_bias,
        },
    )
    quantizer.quantize_model()
    return quantizer.model.model


def quantised_dynamically(
    path: Path, nodes: Collection[str], op_types: Sequence[str], *, per_channel: bool, reduce_range: bool
) -> Any:
    """Return the graph with these nodes in integers, and activations quantised as it runs.

    Args:
        path: Of a graph whose nodes have names, in a folder where ONNX Runtime may write.
        nodes: Names; at least one.
        op_types: Operators of the nodes.
        per_channel: Whether each output channel of a weight has a scale of its own.
        reduce_range: Whether weights use seven bits of eight.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    out = path.with_name("dynamic.onnx")
    quantize_dynamic(
        str(path),
        str(out),
        op_types_to_quantize=list(op_types),
        per_channel=per_channel,
        reduce_range=reduce_range,
        weight_type=QuantType.QInt8,
        nodes_to_quantize=list(nodes),
        use_external_data_format=path.with_name(f"{path.name}.data").exists(),
        extra_options={"MatMulConstBOnly": True},
    )
    return onnx.load(str(out))

"""Parses ONNX into a network of TensorRT; what the parser refuses is told with node, operator and reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nav_trt.trt_error import EngineError
from nav_trt.trt_logger import trt_logger
from navcore.domain import Signature

__all__ = ["network_of"]

_MOST_ERRORS = 3
_DTYPES = {"FLOAT": "float32", "HALF": "float16", "BF16": "bfloat16", "FP8": "float8_e4m3fn"}


def network_of(builder: Any, path: Path, signature: Signature, flags: Sequence[int], *, strongly_typed: bool) -> Any:
    """Return the network of an ONNX file, with its parser, which has to live as long.

    The parser reads the file itself, so that external data, and models beyond 2 GB, work.

    Args:
        builder: A `tensorrt.Builder`.
        path: The file.
        signature: What it has to take and give.
        flags: Values of `tensorrt.OnnxParserFlag`.
        strongly_typed: Whether each tensor keeps the type that the graph says.

    Raises:
        EngineError: The parser refuses the graph, or inputs and outputs have other names or types.
    """
    import tensorrt

    network = builder.create_network(_creation_flags(strongly_typed))
    parser = tensorrt.OnnxParser(network, trt_logger())
    for flag in flags:
        parser.set_flag(tensorrt.OnnxParserFlag(flag))
    if not parser.parse_from_file(str(path)):
        raise _refusal(parser, path) from RuntimeError(f"TensorRT's parser refuses {_sentence(parser)}")
    _check_tensors(network, signature)
    return network, parser


def _creation_flags(strongly_typed: bool) -> int:
    import tensorrt

    # TensorRT 11 has strongly typed networks only; there the flag is taken and means nothing.
    return 1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED) if strongly_typed else 0


def _refusal(parser: Any, path: Path) -> EngineError:
    return EngineError(
        f"TensorRT's parser refuses {_sentence(parser)}",
        f"use another operation there when {path.name} is exported, or run it with OnnxTensorRT, which gives such "
        "nodes to CUDA",
    )


def _sentence(parser: Any) -> str:
    """Return what was refused, on one line."""
    errors = [parser.get_error(place) for place in range(parser.num_errors)]
    told = list(dict.fromkeys(map(_told, errors)))
    more = f"; and {len(told) - _MOST_ERRORS} more" if len(told) > _MOST_ERRORS else ""
    return "; ".join(told[:_MOST_ERRORS]) + more if told else "the file, and does not say why"


def _told(error: Any) -> str:
    reason = " ".join(str(error.desc()).split())
    # Where an operator is not known at all, the parser gives the condition of its check in place of a reason.
    reason = "it has no such operator" if reason in ("false", "") else reason.removeprefix("Assertion failed: ")
    name, operator = error.node_name(), error.node_operator()
    if not operator:
        return f"the file: {reason}"
    place = repr(name) if name else f"number {error.node()}"
    return f"node {place} ({operator}): {reason}"


def _check_tensors(network: Any, signature: Signature) -> None:
    inputs = [network.get_input(place) for place in range(network.num_inputs)]
    outputs = [network.get_output(place) for place in range(network.num_outputs)]
    for side, specs, found in (("input", signature.inputs, inputs), ("output", signature.outputs, outputs)):
        tensors = {tensor.name: tensor for tensor in found}
        for spec in specs:
            if spec.name not in tensors:
                there = ", ".join(tensors) or "none"
                raise EngineError(
                    f"TensorRT leaves out the {side} {spec.name!r} of the graph (it has: {there})",
                    f"export the model without it, as nothing depends on it or it depends on nothing: {spec.name}",
                )
            if (got := _dtype(tensors[spec.name].dtype)) != spec.dtype:
                raise EngineError(
                    f"TensorRT has no tensors of {spec.dtype}: the {side} {spec.name!r} would silently be {got}",
                    f"export the model with {got} there",
                )


def _dtype(element: Any) -> str:
    name = str(element.name)
    return _DTYPES.get(name, name.lower())

"""Quantises ONNX graphs by Q/DQ pairs with ranges from samples: with nvidia-modelopt, or for int8 with ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from nav_trt.onnx_files import store
from nav_trt.trt_error import EngineError
from navcore.contracts import Tensors
from navcore.errors import first_line

__all__ = ["MODELOPT_FIX", "has_modelopt", "write_quantised"]

MODELOPT_FIX = "pip install 'nav-trt[int8]'"
_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Operators that multiply with weights: where the time goes, and what is quantised."""

_LOWEST_OPSET = 13
"""The first in which DequantizeLinear takes a scale per channel."""

_LOWEST_IR = 8


def has_modelopt() -> bool:
    """Return whether nvidia-modelopt is installed."""
    return find_spec("modelopt") is not None


def write_quantised(source: Path, out: Path, precision: str, examples: Sequence[Tensors]) -> Path:
    """Write a copy of the graph with Q/DQ pairs, calibrated with every sample, and return its path.

    Args:
        source: The ONNX file.
        out: Where to write; its folder takes files on the way.
        precision: `int8` or `fp8`.
        examples: The samples.

    Raises:
        EngineError: There is no sample, or nothing to quantise.
    """
    if not examples:
        raise EngineError(f"{precision} needs samples for its ranges, and there are none", "give a dataloader")
    if has_modelopt():
        _with_modelopt(source, out, precision, examples)
    else:
        _with_onnxruntime(source, out, examples)
    return out


def _with_modelopt(source: Path, out: Path, precision: str, examples: Sequence[Tensors]) -> None:
    # Never run: where this was written there was no nvidia-modelopt. Its documentation is that of 0.33 to 0.39.
    from modelopt.onnx.quantization import quantize

    data = {name: np.concatenate([feeds[name] for feeds in _of_one_shape(examples)]) for name in examples[0]}
    quantize(
        onnx_path=str(source),
        quantize_mode=precision,
        calibration_data=data,
        output_path=str(out),
        high_precision_dtype="fp32",
    )


def _of_one_shape(examples: Sequence[Tensors]) -> Iterator[Tensors]:
    """Yield the samples that can be joined along their first axis with the first one: modelopt takes one array each."""
    first = {name: array.shape[1:] for name, array in examples[0].items()}
    for feeds in examples:
        if {name: array.shape[1:] for name, array in feeds.items()} == first:
            yield feeds


def _with_onnxruntime(source: Path, out: Path, examples: Sequence[Tensors]) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Samples(CalibrationDataReader):  # type: ignore[misc]  # frameworks are Any
        def __init__(self) -> None:
            self._rest = iter(examples)

        def get_next(self) -> Any:
            return next(self._rest, None)

    slim = _slim(source, out.with_name("slim.onnx"))
    graph = _graph(slim)
    weights = {tensor.name for tensor in graph.initializer}
    if not any(node.op_type in _WEIGHTED and weights & set(node.input) for node in graph.node):
        raise EngineError(
            f"nothing in {source.name} can be in int8: no {', '.join(_WEIGHTED[:-1])} or {_WEIGHTED[-1]} has weights",
            "leave int8 out",
        )
    quantize_static(
        str(slim),
        str(out),
        Samples(),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=list(_WEIGHTED),
        per_channel=True,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        # TensorRT wants zeros at 0, and biases in float.
        extra_options={"ActivationSymmetric": True, "QuantizeBias": False, "MatMulConstBOnly": True},
    )


def _slim(source: Path, out: Path) -> Path:
    """Write a copy whose constants are folded, in an opset that can be quantised per channel, and return its path.

    Raises:
        EngineError: ONNX cannot raise the opset.
    """
    import onnx
    import onnxslim

    proto = onnxslim.slim(str(source))
    # Before IR 4, weights had to be inputs as well, which the folded ones are not; ONNX looks at that.
    proto.ir_version = max(proto.ir_version, _LOWEST_IR)
    opset = max((each.version for each in proto.opset_import if each.domain in ("", "ai.onnx")), default=1)
    if opset < _LOWEST_OPSET:
        try:
            proto = onnx.version_converter.convert_version(proto, _LOWEST_OPSET)
        except Exception as error:  # RuntimeError for an operator without an adapter, and what C++ raises
            raise EngineError(
                f"{source.name} uses opset {opset}, {_LOWEST_OPSET} is needed for int8, and ONNX cannot convert it: "
                f"{first_line(error)}",
                f"export the model with opset {_LOWEST_OPSET} or later",
            ) from error
    return store(proto, out)


def _graph(path: Path) -> Any:
    import onnx

    return onnx.load(str(path), load_external_data=False).graph

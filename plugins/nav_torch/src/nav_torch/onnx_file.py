"""finish(): what every maker of ONNX here does with the file at the end, whichever exporter wrote it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nav_torch.export_error import ExportError
from navcore.domain import Signature, TensorSpec

__all__ = ["IR_VERSION", "MOST_EMBEDDED_BYTES", "Axes", "dynamic_axes_of", "finish", "put_weights_beside"]

IR_VERSION = 10
"""ONNX Runtime 1.31 reads up to 13, older ones less; 10 holds every opset that can be asked for here."""

MOST_EMBEDDED_BYTES = 100_000_000
"""Weights that are larger go into a second file: embedded, reading and checking the file takes twice their size."""

Axes = tuple[tuple[str, tuple[tuple[int, str], ...]], ...]
"""Names of axes by input."""

_FIX = "take sizes from tensor.shape in forward, not from Python numbers; or use another route"

_FIX_NAMES = "give names as input_names and output_names of optimize(), not in custom_args; or use another route"

_EMBEDDED_TO_EXTERNAL = """
import sys, onnx
path, name = sys.argv[1:]
onnx.save_model(onnx.load(path), path, save_as_external_data=True, location=name)
"""


def dynamic_axes_of(signature: Signature, asked: Axes | None) -> tuple[dict[int, str], ...]:
    """Return the name of each axis that may vary, for each input in order.

    Args:
        signature: Its named dimensions vary.
        asked: Axes that the user wants to vary besides, by input; those of outputs follow from them.

    Raises:
        ExportError: There is no such input, output or axis.
    """
    wanted = {name: dict(axes) for name, axes in asked or ()}
    ranks = {spec.name: len(spec.shape) for spec in (*signature.inputs, *signature.outputs)}
    for name, axes in wanted.items():
        if name not in ranks or any(axis >= ranks[name] for axis in axes):
            raise ExportError(
                f"dynamic_axes has {name}: {axes}, and the model has {signature}", "name axes of inputs that it has"
            )
    return tuple(
        {
            axis: size if isinstance(size, str) else wanted[spec.name][axis]
            for axis, size in enumerate(spec.shape)
            if isinstance(size, str) or axis in wanted.get(spec.name, {})
        }
        for spec in signature.inputs
    )


def finish(path: Path, signature: Signature) -> None:
    """Give the file all inputs and the signature's names of dimensions, an IR version that is read widely; check it.

    Raises:
        ExportError: A size that varies was baked in.
    """
    import onnx

    proto = onnx.load(str(path), load_external_data=False)
    _check_inputs(proto, signature)
    _check_outputs(proto, signature)
    _order_inputs(proto, signature)
    proto.ir_version = min(proto.ir_version, IR_VERSION)
    onnx.save_model(proto, str(path))
    onnx.checker.check_model(str(path))


def put_weights_beside(path: Path) -> None:
    """Move embedded weights into a file of their own; another process does it, as it takes twice their size."""
    command = [sys.executable, "-c", _EMBEDDED_TO_EXTERNAL, str(path), f"{path.name}.data"]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603  # our own code, with two paths


def _check_inputs(proto: Any, signature: Signature) -> None:
    """Refuse an input whose size is fixed where the model's varies, and one that the model does not have."""
    given = {value.name: value for value in proto.graph.input}
    weights = {value.name for value in proto.graph.initializer}
    for name in given:
        if name not in (*signature.input_names, *weights):
            raise ExportError(f"the exporter wrote an input {name}, which the model does not have", _FIX_NAMES)
    for spec in signature.inputs:
        if spec.name in given:
            _name_dimensions(given[spec.name], spec, signature, "is declared")


def _check_outputs(proto: Any, signature: Signature) -> None:
    """Refuse an output whose size is fixed where the model's varies, by what it declares and by what follows."""
    given = {value.name: value for value in proto.graph.output}
    inferred = _inferred_outputs(proto)
    for spec in signature.outputs:
        if spec.name not in given:
            raise ExportError(f"the exporter lost the output {spec.name}", _FIX_NAMES)
        if spec.name in inferred:
            _name_dimensions(inferred[spec.name], spec, signature, "follows from the graph as")
        _name_dimensions(given[spec.name], spec, signature, "is declared")


def _inferred_outputs(proto: Any) -> Mapping[str, Any]:
    """Return outputs with the shapes that ONNX infers for them; none where inference gives up."""
    import onnx

    bare = onnx.ModelProto()
    bare.CopyFrom(proto)
    for value in (*bare.graph.output, *bare.graph.value_info):
        value.type.tensor_type.ClearField("shape")
    try:
        return {value.name: value for value in onnx.shape_inference.infer_shapes(bare).graph.output}
    except Exception:  # it only adds to the check; the file is checked and run all the same
        return {}


def _name_dimensions(value: Any, spec: TensorSpec, signature: Signature, how: str) -> None:
    """Write the signature's names into a declared shape."""
    dimensions = value.type.tensor_type.shape.dim
    if len(dimensions) != len(spec.shape):
        return
    for dimension, size in zip(dimensions, spec.shape, strict=True):
        if not isinstance(size, str):
            continue
        if dimension.HasField("dim_value"):
            what = "batch" if size == signature.batch else size
            shape = [each.dim_param or each.dim_value for each in dimensions]
            raise ExportError(f"{what} size {dimension.dim_value} was baked in: {spec.name} {how} {shape}", _FIX)
        dimension.dim_param = size


def _order_inputs(proto: Any, signature: Signature) -> None:
    """Declare the inputs in the signature's order; the older exporter drops those that no output depends on."""
    import onnx

    given = {value.name: value for value in proto.graph.input}
    ordered = [
        given.pop(spec.name, None) or onnx.helper.make_tensor_value_info(spec.name, _type(spec.dtype), spec.shape)
        for spec in signature.inputs
    ]
    kept = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in (*ordered, *given.values())]
    del proto.graph.input[:]
    proto.graph.input.extend(kept)


def _type(dtype: str) -> int:
    import onnx

    names = {"float32": "FLOAT", "float64": "DOUBLE", "complex64": "COMPLEX64", "complex128": "COMPLEX128"}
    return int(onnx.TensorProto.DataType.Value(names.get(dtype, dtype.upper())))

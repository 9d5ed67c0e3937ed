"""From an ONNX graph to a signature: names, NumPy dtypes, and dimensions with identifiers for names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs

from nav_onnx.element_types import PACKED, RAW
from navcore.domain import Dimension, Signature, TensorSpec
from navcore.errors import ModelFileError

__all__ = ["Declared", "declare", "read_tensors"]


@attrs.frozen
class Declared:
    """A tensor as the file has it.

    Attributes:
        shape: Sizes, texts that name a dimension, and None for a dimension that has neither.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]


def read_tensors(proto: Any, path: Path) -> tuple[list[Declared], list[Declared]]:
    """Return inputs, weights left out, and outputs of a loaded `onnx.ModelProto`.

    Raises:
        ModelFileError: One of them is no numeric tensor, or does not declare its number of axes.
    """
    weights = {tensor.name for tensor in proto.graph.initializer}
    inputs = [_tensor(value, "input", path) for value in proto.graph.input if value.name not in weights]
    return inputs, [_tensor(value, "output", path) for value in proto.graph.output]


def declare(proto: Any, inputs: Sequence[Declared], outputs: Sequence[Declared]) -> Signature:
    """Return the signature of a valid `onnx.ModelProto` with these inputs and outputs.

    The batch is the first axis of an input, if it has a name and an output begins with it; of several, the one that
    most outputs begin with.
    """
    names = _DimensionNames()
    given = tuple(map(names.spec, inputs))
    batch = _batch(given, outputs, names)
    if any(batch is None or _first(tensor, names) != batch for tensor in outputs):
        outputs = _inferred(proto, outputs, known={text for tensor in inputs for text in tensor.shape})
    made = tuple(map(names.spec, outputs))
    return Signature(given, made, _batch(given, outputs, names))


def _tensor(value: Any, side: str, path: Path) -> Declared:
    import onnx

    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        held = (kind or "value of no type").removesuffix("_type")
        raise ModelFileError(
            f"{side} {value.name!r} of {path} is no tensor but of kind {held!r}; only tensors can be passed",
            f"export the model with tensors in place of the {held}",
        )
    tensor = value.type.tensor_type
    if tensor.elem_type in (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING):
        held = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
        raise ModelFileError(
            f"{side} {value.name!r} of {path} has elements of type {held}; only numbers can be compared",
            "export the model with numeric inputs and outputs, for example token ids in place of text",
        )
    # onnx before 1.19 knows other types for these, such as float32 for bfloat16.
    named = {**RAW, **PACKED}.get(tensor.elem_type)
    dtype = named or onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
    if not tensor.HasField("shape"):
        raise ModelFileError(
            f"{side} {value.name!r} of {path} does not declare its number of axes",
            "export the model with shapes, or let ONNX add them: "
            f"onnx.save(onnx.shape_inference.infer_shapes(onnx.load('{path.name}')), '{path.name}')",
        )
    return Declared(value.name, dtype, tuple(_size(dimension) for dimension in tensor.shape.dim))


def _size(dimension: Any) -> int | str | None:
    if dimension.WhichOneof("value") == "dim_value" and dimension.dim_value >= 0:
        return int(dimension.dim_value)
    # For a dimension that may differ some exporters write the size -1, others a text such as `?` in each such place.
    return str(dimension.dim_param) if re.search(r"[^\W\d]", dimension.dim_param) else None


def _inferred(proto: Any, outputs: Sequence[Declared], known: Iterable[int | str | None]) -> list[Declared]:
    """Return outputs with what shape inference adds: the names of input dimensions that their axes follow."""
    import onnx

    bare = onnx.ModelProto()
    bare.CopyFrom(proto)
    for value in bare.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        values = onnx.shape_inference.infer_shapes(bare).graph.output
    except Exception:  # inference only adds to a file that was checked; where it gives up, nothing is added
        return list(outputs)
    names = {name for name in known if isinstance(name, str)}
    return [_merge(tensor, value, names) for tensor, value in zip(outputs, values, strict=True)]


def _merge(tensor: Declared, value: Any, names: set[str]) -> Declared:
    if not value.type.tensor_type.HasField("shape"):
        return tensor
    inferred = tuple(_size(dimension) for dimension in value.type.tensor_type.shape.dim)
    if len(inferred) != len(tensor.shape):
        return tensor
    pairs = zip(tensor.shape, inferred, strict=True)
    shape = tuple(new if not isinstance(old, int) and new in names else old for old, new in pairs)
    return attrs.evolve(tensor, shape=shape)


@attrs.define
class _DimensionNames:
    """Gives each text that names a dimension one identifier, and each dimension without a text one of its own."""

    by_text: dict[str, str] = attrs.field(factory=dict)

    def spec(self, tensor: Declared) -> TensorSpec:
        """Return the tensor with its dimensions named."""
        shape = tuple(self.dimension(size, f"{tensor.name}_dim_{axis}") for axis, size in enumerate(tensor.shape))
        return TensorSpec(tensor.name, tensor.dtype, shape)

    def dimension(self, size: int | str | None, fallback: str) -> Dimension:
        """Return a size as it is, or the identifier of a name; `fallback` names what has none."""
        if isinstance(size, int):
            return size
        text = size if size is not None else f"\0{fallback}"
        if text not in self.by_text:
            self.by_text[text] = self._new(text if size is not None else fallback)
        return self.by_text[text]

    def _new(self, wish: str) -> str:
        plain = re.sub(r"\W+", "_", wish, flags=re.ASCII).strip("_") or "dim"
        plain = plain if plain.isidentifier() else f"dim_{plain}"
        candidates = (plain, *(f"{plain}_{number}" for number in range(2, len(self.by_text) + 3)))
        return next(candidate for candidate in candidates if candidate not in self.by_text.values())


def _batch(inputs: Sequence[TensorSpec], outputs: Sequence[Declared], names: _DimensionNames) -> str | None:
    firsts = [_first(tensor, names) for tensor in outputs]
    candidates = [spec.shape[0] for spec in inputs if spec.shape and spec.shape[0] in firsts]
    return max((first for first in candidates if isinstance(first, str)), key=firsts.count, default=None)


def _first(tensor: Declared, names: _DimensionNames) -> str | None:
    """Return the identifier of the output's first axis, if an input has one of that name."""
    text = tensor.shape[0] if tensor.shape else None
    return names.by_text.get(text) if isinstance(text, str) else None

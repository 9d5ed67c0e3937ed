"""Sessions whose arrays have elements that NumPy has no type of its own for: bfloat16, and floats of eight bits."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np

from nav_onnx.element_types import PACKED, RAW
from nav_onnx.session_infer import SessionInfer
from navcore.contracts import Array, Tensors
from navcore.domain import Signature

__all__ = ["RawInfer", "needs_raw", "untakable"]

_NUMBERS = {name: number for number, name in RAW.items()}


def needs_raw(signature: Signature) -> bool:
    """Return whether an input or output has such elements."""
    return any(spec.dtype in _NUMBERS for spec in (*signature.inputs, *signature.outputs))


def untakable(signature: Signature) -> str | None:
    """Return why arrays of these types cannot be passed at all, as one sentence, or None where they can."""
    for spec in (*signature.inputs, *signature.outputs):
        if spec.dtype in PACKED.values():
            return f"{spec} has several elements to a byte, and ONNX Runtime takes no such arrays from Python"
    return None


class RawInfer(SessionInfer):
    """A session that is given the bytes of such arrays, with the name of their type beside them."""

    def __init__(self, session: Any, signature: Signature, provider: str) -> None:
        super().__init__(session, signature.output_names, provider)
        self._dtypes = {spec.name: spec.dtype for spec in signature.outputs}

    def __call__(self, feeds: Tensors) -> Tensors:
        values = {name: _value(array) for name, array in feeds.items()}
        outputs = self._session.run_with_ort_values(self._names, values)
        return {name: _array(value, self._dtypes[name]) for name, value in zip(self._names, outputs, strict=True)}

    def bind(self, feeds: Tensors) -> Any:
        """Return a step on these arrays."""
        held = dict(feeds)
        return lambda: self(held)


def _value(array: Array) -> Any:
    import onnxruntime

    array = np.asarray(array, order="C")  # np.ascontiguousarray would give a scalar an axis
    if (element := _NUMBERS.get(array.dtype.name)) is None:
        return onnxruntime.OrtValue.ortvalue_from_numpy(array)
    raw = array.view(np.uint8 if array.dtype.itemsize == 1 else np.uint16)
    return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(raw, element)


def _array(value: Any, dtype: str) -> Array:
    """Return the value as an array; of a type that ONNX Runtime has no NumPy type for, as a copy of its bytes."""
    array: Array
    if dtype not in _NUMBERS:
        array = value.numpy()
        return array
    kind, shape = np.dtype(dtype), value.shape()
    size = math.prod(shape) * kind.itemsize
    content = ctypes.string_at(value.data_ptr(), size) if size else b""
    array = np.frombuffer(bytearray(content), kind).reshape(shape)
    return array

"""Between NumPy arrays and OpenVINO's tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import numpy as np

from navcore.contracts import Array
from navcore.errors import UsageError

__all__ = ["Port", "element_type", "in_place", "names_of", "ports_of"]

_EXTENDED = {"bf16": "bfloat16", "f8e4m3": "float8_e4m3fn", "f8e5m2": "float8_e5m2", "f8e8m0": "float8_e8m0fnu"}
"""Names in ml_dtypes of OpenVINO's element types that NumPy lacks; OpenVINO gives their bits as another type."""

_NUMPY = ("boolean", "f16", "f32", "f64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")


@attrs.frozen(eq=False)
class Port:
    """An input or output of a compiled model.

    Attributes:
        name: As in the signature.
        place: Among the inputs or outputs of the model; requests are told by it fastest.
        element: OpenVINO's element type, where NumPy lacks it.
        dtype: That type in ml_dtypes.
    """

    name: str
    place: int
    element: Any = None
    dtype: Any = None

    def to_tensor(self, array: Array, tensor: Any) -> Any:
        """Return an OpenVINO tensor on the array's own memory, which has to outlive it.

        Args:
            array: As `in_place` returns them, in the dtype of the port.
            tensor: The class `openvino.Tensor`.
        """
        if self.element is None:
            return tensor(array, shared_memory=True)
        return tensor(array.view(f"uint{8 * array.dtype.itemsize}"), list(array.shape), self.element)

    def from_bits(self, array: Array) -> Array:
        """Return an output of OpenVINO in the dtype of the port, on the same memory."""
        return array if self.dtype is None else array.view(self.dtype)


def ports_of(names: Iterable[str], found: Sequence[Any], side: str) -> list[Port]:
    """Return the ports of those names.

    Args:
        names: Of the signature, in its order.
        found: The inputs, or the outputs, of a compiled model.
        side: `input` or `output`, for the message.

    Raises:
        UsageError: One of them cannot be passed as an array of numbers; with the name and the reason.
    """
    return [_port(name, found, side) for name in names]


def names_of(port: Any) -> set[str]:
    """Return the names of an input or output; where an input is an output as well, only its operator has its name."""
    return {*port.get_names(), port.get_node().get_friendly_name()}


def _port(name: str, found: Sequence[Any], side: str) -> Port:
    places = {name: place for place, port in enumerate(found) for name in names_of(port)}
    place = places.get(name)
    if place is None:
        names = ", ".join(sorted(places))
        raise UsageError(f"the IR has no {side} {name!r}, only {names}", "convert the model again with nav-openvino")
    element = found[place].get_element_type()
    held = element.get_type_name()
    if held in _EXTENDED:
        import ml_dtypes

        return Port(name, place, element, np.dtype(getattr(ml_dtypes, _EXTENDED[held])))
    if held in _NUMPY:
        return Port(name, place)
    why = "text, and the runner passes numbers" if held == "string" else f"{held}, which OpenVINO packs into bytes"
    raise UsageError(
        f"{side} {name!r} holds {why}",
        "export the model with numeric inputs and outputs of whole bytes, such as int8, or run it with nav-onnx",
    )


def element_type(dtype: str) -> Any:
    """Return OpenVINO's element type for the name of a dtype.

    Raises:
        UsageError: OpenVINO has none.
    """
    import openvino

    own = {"bool": "boolean", "float4_e2m1fn": "f4e2m1", **{theirs: ours for ours, theirs in _EXTENDED.items()}}
    name = own.get(dtype, dtype.replace("float", "f").replace("uint", "u").replace("int", "i"))
    if not hasattr(openvino.Type, name):
        raise UsageError(f"OpenVINO has no tensors of {dtype}", "export the model with other types, or run it as ONNX")
    return getattr(openvino.Type, name)


def in_place(array: Array) -> Array:
    """Return the array if OpenVINO can compute on its memory, else a copy on which it can."""
    flags = array.flags
    if flags.c_contiguous and flags.writeable and array.dtype.isnative:
        return array
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")

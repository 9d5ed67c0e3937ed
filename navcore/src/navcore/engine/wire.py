"""Messages between the engine and a worker: a line of JSON, then the arrays as raw bytes. No pickle.

4 bytes   length of the header, big-endian
header    {"do": ..., "arrays": [[name, dtype, shape], ...], ...}
arrays    their bytes in C order, one after the other
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from navcore.contracts import Array, Tensors

__all__ = ["Message", "receive", "send"]

Message = Mapping[str, Any]
_LENGTH = struct.Struct(">I")
_MOST_HEADER_BYTES = 64 * 1024 * 1024


def send(stream: BinaryIO, message: Message, arrays: Tensors | None = None) -> None:
    """Write one message and flush.

    Args:
        stream: A pipe to the other side.
        message: JSON-ready; the key `arrays` is taken.
        arrays: Arrays of numbers, booleans or text; sent with the message.
    """
    plain = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in (arrays or {}).items()}
    described = [[name, _dtype_name(array), list(array.shape)] for name, array in plain.items()]
    header = json.dumps({**message, "arrays": described}).encode()
    stream.write(_LENGTH.pack(len(header)) + header)
    for array in plain.values():
        stream.write(array.reshape(-1).view(np.uint8).data if array.size else b"")
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read one message, and the arrays that came with it; they are the caller's.

    Raises:
        EOFError: The other side has gone.
        ValueError: What came is no message.
    """
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    if length > _MOST_HEADER_BYTES:
        raise ValueError(f"a header of {length} bytes is no header")
    message = json.loads(_exactly(stream, length))
    if not isinstance(message, dict):
        raise ValueError("a header is a JSON object")
    arrays = {name: _array(stream, dtype, tuple(shape)) for name, dtype, shape in message.pop("arrays")}
    return message, arrays


def _array(stream: BinaryIO, dtype_name: str, shape: tuple[int, ...]) -> Array:
    array = np.empty(shape, _dtype(dtype_name))
    if array.size:
        view = array.reshape(-1).view(np.uint8).data
        done = 0
        while done < len(view):
            count = stream.readinto(view[done:])  # type: ignore[attr-defined]  # a buffered pipe has it
            if not count:
                raise EOFError("the other side has gone in the middle of an array")
            done += count
    return array


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError("the other side has gone")
    return data


def _dtype_name(array: Array) -> str:
    if array.dtype.hasobject:
        raise ValueError(f"an array of {array.dtype} cannot be sent")
    # Text has its length in the descriptor (`<U7`); the 8- and 16-bit floats of ml_dtypes only have names.
    return str(array.dtype.str if array.dtype.kind in "SU" else array.dtype.name)


def _dtype(name: str) -> np.dtype[Any]:
    try:
        return np.dtype(name)
    except TypeError:
        import ml_dtypes  # it names what NumPy does not

        made: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
        return made

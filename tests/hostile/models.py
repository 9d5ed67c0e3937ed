"""Models as bytes, without the frameworks that write them."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np

__all__ = ["field", "ir", "npy", "onnx", "tensor", "varint"]


def varint(number: int) -> bytes:
    """A whole number in protobuf."""
    pieces = []
    while number > 0x7F:
        pieces.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*pieces, number])


def field(number: int, value: int | str | bytes) -> bytes:
    """One protobuf field."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name: str, external: Mapping[str, str] | None = None) -> bytes:
    """A TensorProto of four floats, in the message or in another file."""
    head = field(1, 4) + field(2, 1) + field(8, name)
    if external is None:
        return head + field(9, bytes(16))
    entries = b"".join(field(13, field(1, key) + field(2, value)) for key, value in external.items())
    return head + entries + field(14, 1)


def onnx(graph: bytes = b"", initializer: bytes = b"") -> bytes:
    """A ModelProto of one Identity, with what a test adds to its graph."""
    node = field(1, "x") + field(2, "y") + field(4, "Identity")
    inner = field(1, node) + field(2, "graph") + (field(5, initializer) if initializer else b"") + graph
    return field(1, 10) + field(2, "tests") + field(7, inner) + field(8, field(2, 18))


def ir(offset: int = 0, size: int = 16, head: str = "<?xml version='1.0'?>", body: str = "") -> bytes:
    """OpenVINO IR with one constant."""
    constant = f'<layer id="0" name="c" type="Const"><data element_type="f32" offset="{offset}" size="{size}"/></layer>'
    return f'{head}\n<net name="toy" version="11"><layers>{constant}{body}</layers><edges/></net>'.encode()


def npy(array: object = None) -> bytes:
    """A .npy file of two by four floats."""
    buffer = io.BytesIO()
    np.save(buffer, np.ones((2, 4), "float32") if array is None else np.asarray(array), allow_pickle=True)
    return buffer.getvalue()

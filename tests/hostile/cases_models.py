"""Packages whose directory and list are honest, with models and arrays that are not what they are called."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping

import numpy as np

from .models import field, ir, npy, onnx, tensor
from .packages import CONTENTS, packed

__all__ = ["MODEL_CASES"]

Case = tuple[Callable[[], bytes], str]
ONNX, DATA = "artifacts/onnx/model.onnx", "artifacts/onnx/model.onnx.data"
XML, BIN = "artifacts/onnx+openvino-ir/model.xml", "artifacts/onnx+openvino-ir/model.bin"
SAMPLE = "samples/inputs/0-0.npy"


def holding(path: str, data: bytes) -> Callable[[], bytes]:
    """A package with another content in one member, which every list of it knows."""
    return lambda: packed({**CONTENTS, path: data})


def initializer(**external: str) -> Callable[[], bytes]:
    """A package whose ONNX model has a tensor in another file."""
    return holding(ONNX, onnx(initializer=tensor("w", external)))


def within(levels: int) -> bytes:
    """A subgraph in a subgraph in a subgraph, and a tensor at the bottom."""
    graph = field(5, tensor("w", {"location": "../x"}))
    for _ in range(levels):
        graph = field(1, field(4, "If") + field(5, field(1, "body") + field(6, graph)))
    return onnx(graph)


def header(text: str, data: bytes = bytes(32)) -> bytes:
    padded = text.ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded + data


PICKLED = pickle.dumps({"a": print})
OUTSIDE = "which has a path that is not normalised"
SHAPE = "'fortran_order': False, 'shape': (2, 4), }"

MODEL_CASES: Mapping[str, Case] = {
    "external data above": (
        initializer(location="../../../thesis.txt"),
        f"'{ONNX}' is refused: .*{OUTSIDE}",
    ),
    "external data elsewhere": (initializer(location="/etc/passwd"), "'/etc/passwd', which is an absolute path"),
    "external data on a drive": (initializer(location="C:\\x"), "which has the character ':'"),
    "external data behind a dot": (initializer(location="./model.onnx.data"), OUTSIDE),
    "external data with backslashes": (initializer(location="..\\x"), r"which has the character '\\\\'"),
    "external data of another artifact": (
        initializer(location="../source/model.onnx"),
        f"its tensor 'w' lies in '../source/model.onnx', {OUTSIDE}",
    ),
    "external data that is missing": (initializer(location="gone.data"), "lies in 'gone.data', which is not there"),
    "external data in the model": (initializer(location="model.onnx"), "lies in the model itself"),
    "external data in memory": (
        initializer(location="*/_ORT_MEM_ADDR_/*", offset="4096", length="16"),
        "points into the memory of the process",
    ),
    "external data in memory, newer": (
        initializer(location="*/_ORT_NATIVE_ENDIAN_MEM_ADDR_/*"),
        "points into the memory of the process",
    ),
    "external data beyond the end": (
        initializer(location="model.onnx.data", offset="8", length="9"),
        "reaches beyond the end of 'model.onnx.data'",
    ),
    "external data from beyond the end": (
        initializer(location="model.onnx.data", offset="17"),
        "reaches beyond",
    ),
    "external data at a negative offset": (
        initializer(location="model.onnx.data", offset="-1"),
        "has '-1' where a number of bytes is expected",
    ),
    "external data of a text's length": (initializer(location="model.onnx.data", length="1e3"), "has '1e3' where"),
    "external data of an endless number": (initializer(location="model.onnx.data", length="9" * 900), "has '999"),
    "external data without a place": (initializer(offset="0"), "which has a name that is empty"),
    "external data with a key to set": (
        initializer(location="model.onnx.data", __class__="x"),
        "has the key '__class__' of external data",
    ),
    "external data with two places": (
        holding(
            ONNX,
            onnx(
                initializer=tensor("w", {"location": "model.onnx.data"})
                + field(13, field(1, "location") + field(2, "../x"))
            ),
        ),
        "has the key 'location' of external data twice",
    ),
    "external data without saying so": (
        holding(ONNX, onnx(initializer=field(8, "w") + field(13, field(1, "location") + field(2, "../x")))),
        OUTSIDE,
    ),
    "external data of a sparse tensor": (
        holding(ONNX, onnx(field(15, field(1, tensor("s", {"location": "model.onnx.data"}))))),
        "its sparse tensor 's' has external data",
    ),
    "external data of a constant": (
        holding(ONNX, onnx(field(1, field(4, "Constant") + field(5, field(5, tensor("w", {"location": "../x"})))))),
        OUTSIDE,
    ),
    "external data of a sparse constant": (
        holding(
            ONNX,
            onnx(
                field(
                    1,
                    field(4, "Constant") + field(5, field(22, field(2, tensor("s", {"location": "model.onnx.data"})))),
                )
            ),
        ),
        "its sparse tensor 's' has external data",
    ),
    "external data in a subgraph": (holding(ONNX, within(9)), OUTSIDE),
    "external data at the bottom": (holding(ONNX, within(200)), "is nested more than 64 levels deep"),
    "external data in a function": (
        holding(ONNX, onnx() + field(25, field(7, field(5, field(5, tensor("w", {"location": "../x"})))))),
        OUTSIDE,
    ),
    "external data in training": (
        holding(ONNX, onnx() + field(20, field(1, field(5, tensor("w", {"location": "../x"}))))),
        OUTSIDE,
    ),
    "external data in a second graph": (
        holding(ONNX, onnx() + field(7, field(5, tensor("w", {"location": "../x"})))),
        OUTSIDE,
    ),
    "external data of the source": (
        holding("artifacts/source/model.onnx", onnx(initializer=tensor("w", {"location": "../onnx/model.onnx.data"}))),
        f"'artifacts/source/model.onnx' is refused: .*{OUTSIDE}",
    ),
    "compiled model in ONNX": (
        holding(ONNX, onnx(field(1, field(4, "EPContext") + field(7, "com.microsoft")))),
        "holds EPContext",
    ),
    "TorchScript called ONNX": (holding(ONNX, b"PK\x03\x04" + bytes(500)), f"'{ONNX}' is refused: "),
    "pickle called ONNX": (holding(ONNX, PICKLED), f"'{ONNX}' is refused: "),
    "shared library called ONNX": (holding(ONNX, b"\x7fELF\x02\x01\x01" + bytes(500)), f"'{ONNX}' is refused: "),
    "nothing called ONNX": (holding(ONNX, b""), "it is no ONNX model: it has no IR version or no graph"),
    "ONNX cut off": (holding(ONNX, CONTENTS[ONNX][:-3]), f"'{ONNX}' is refused: there is a number that does not end"),
    "ONNX with a group": (holding(ONNX, onnx() + b"\x53\x54"), "there is no field of kind 3"),
    "ONNX with a number without end": (holding(ONNX, onnx() + b"\x08" + b"\xff" * 20), "a number that does not end"),
    "IR that is no XML": (holding(XML, PICKLED), "model.xml' is no XML"),
    "IR that is no network": (holding(XML, b"<html/>"), "is no OpenVINO model: its root is <html>, not <net>"),
    "IR with a document type": (
        holding(XML, ir(head="<!DOCTYPE net SYSTEM 'file:///etc/x'>")),
        "declares",
    ),
    "IR with entities": (
        holding(XML, ir(head="<!DOCTYPE net [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]>")),
        "declares a document type",
    ),
    "IR with constants beyond its weights": (
        holding(XML, ir(offset=8)),
        "has a constant at 8 of 16 bytes, and there are 16 bytes of weights",
    ),
    "IR with constants before its weights": (holding(XML, ir(offset=-8)), "has a constant at '-8'"),
    "IR that is deep": (holding(XML, ir(body="<layer>" * 500)), "is nested more than 200 levels deep"),
    "IR with a tag without end": (
        holding(XML, ir(body=f"<layer name='{'x' * (20 << 20)}'/>")),
        "has a tag of more than 8388608 bytes",
    ),
    "objects in a sample": (
        holding(SAMPLE, npy(np.array([{"a": 1}, None], object))),
        "header that is not that of a plain array",
    ),
    "pickle called sample": (holding(SAMPLE, PICKLED), f"'{SAMPLE}' is no .npy file"),
    "objects in a record": (
        holding(SAMPLE, header("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (4,), }")),
        "has a header that is not that of a plain array",
    ),
    "objects with a size": (holding(SAMPLE, header("{'descr': '|O8', " + SHAPE)), "holds values of type 'O'"),
    "code in a header": (
        holding(SAMPLE, header("{'descr': __import__('os').system('id'), " + SHAPE)),
        "has a header that is not that",
    ),
    "header without end": (
        holding(SAMPLE, b"\x93NUMPY\x02\x00\xff\xff\xff\xff{"),
        "has a header of 4294967295 bytes; at most 16384",
    ),
    "sample shorter than it says": (
        holding(SAMPLE, header("{'descr': '<f8', " + SHAPE)),
        "and its header says 192",
    ),
    "sample of endless shape": (
        holding(SAMPLE, header("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999999999999, 999), }")),
        "and its header says",
    ),
    "sample of a negative shape": (
        holding(SAMPLE, header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 8), }")),
        "has a header that is",
    ),
    "sample of another version": (holding(SAMPLE, b"\x93NUMPY\x09\x00" + npy()[8:]), f"'{SAMPLE}' is no .npy file"),
}

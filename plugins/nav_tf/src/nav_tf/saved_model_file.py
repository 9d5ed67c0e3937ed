"""Reads what a SavedModel declares: names, dtypes and shapes of its signature, without TensorFlow.

Field numbers are those of tensorflow/core/protobuf/saved_model.proto and meta_graph.proto, which never change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import attrs

from nav_tf.wire import WireError, fields
from navcore.domain import Dimension, Signature, TensorSpec
from navcore.errors import ModelFileError

__all__ = ["DEFAULT_SIGNATURE", "chosen_signature", "read_signature", "saved_signature"]

DEFAULT_SIGNATURE = "serving_default"
_FILE = "saved_model.pb"
_INTERNAL = "__saved_model"
_META_GRAPH, _INFO, _TAG, _SIGNATURE = 2, 1, 4, 5
_SERVE = b"serve"
_BATCH = "batch"
_DTYPES: Mapping[int, str] = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 8: "complex64", 9: "int64",
    10: "bool", 14: "bfloat16", 17: "uint16", 18: "complex128", 19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip
_TEXT = 7


@attrs.frozen
class _Tensor:
    """A tensor as it is declared: sizes that vary are None."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


def read_signature(folder: Path) -> Signature:
    """Return the signature by which a SavedModel is called; inputs and outputs sorted by name, as TensorFlow does.

    Raises:
        ModelFileError: It cannot be read, has no such signature, or takes something other than dense numeric tensors.
    """
    name, declared = _read(folder)
    with _refusing(folder):
        inputs, outputs = ([_tensor(each, folder) for each in _entries(declared[name], side)] for side in (1, 2))
    return _named(sorted(inputs, key=lambda each: each.name), sorted(outputs, key=lambda each: each.name))


def saved_signature(folder: Path) -> str:
    """Return the name of the signature by which a SavedModel is called.

    Raises:
        ModelFileError: It cannot be read, or has no such signature.
    """
    return _read(folder)[0]


def _read(folder: Path) -> tuple[str, dict[str, memoryview]]:
    """Return the name of the signature that is used, and what declares them."""
    file = folder / _FILE
    try:
        data = memoryview(file.read_bytes())
    except OSError as error:
        fix = f"pass the folder of a SavedModel, which has a file {_FILE}"
        raise ModelFileError(f"{file} cannot be read: {error.strerror or error}", fix) from error
    with _refusing(folder):
        declared = _signatures(data)
    return chosen_signature(declared, folder), declared


@contextmanager
def _refusing(folder: Path) -> Iterator[None]:
    """Say of bytes that are no SavedModel that they are not."""
    try:
        yield
    except (WireError, UnicodeDecodeError) as error:
        raise ModelFileError(
            f"{folder / _FILE} is no SavedModel, or truncated: {error}", "save or copy it again"
        ) from error


def chosen_signature(names: Mapping[str, object], folder: Path) -> str:
    """Return the name of the signature that is used: `serving_default`, or else the only one.

    Raises:
        ModelFileError: There is none, or there are several.
    """
    known = sorted(name for name in names if not name.startswith(_INTERNAL))
    if DEFAULT_SIGNATURE in known:
        return DEFAULT_SIGNATURE
    if len(known) == 1:
        return known[0]
    fix = f"save it with signatures={{{DEFAULT_SIGNATURE!r}: function}}"
    told = f"has the signatures {', '.join(known)}, and none of them is" if known else "has no signature, not even"
    raise ModelFileError(f"{folder} {told} {DEFAULT_SIGNATURE}", fix)


def _signatures(data: memoryview) -> dict[str, memoryview]:
    """Return the signatures of the graph that is meant to serve, the only one in what TensorFlow 2 saves."""
    graphs = [value for number, value in fields(data) if number == _META_GRAPH and isinstance(value, memoryview)]
    serving = [graph for graph in graphs if _SERVE in _tags(graph)] or graphs
    found: dict[str, memoryview] = {}
    for entry in _entries(serving[0], _SIGNATURE) if serving else ():
        found[entry[0]] = entry[1]
    return found


def _tags(graph: memoryview) -> Iterator[bytes]:
    for number, value in fields(graph):
        if number == _INFO and isinstance(value, memoryview):
            yield from (bytes(tag) for key, tag in fields(value) if key == _TAG and isinstance(tag, memoryview))


def _entries(message: memoryview, field: int) -> Iterator[tuple[str, memoryview]]:
    """Yield key and value of a map from texts to messages."""
    for number, value in fields(message):
        if number == field and isinstance(value, memoryview):
            entry = {key: each for key, each in fields(value) if isinstance(each, memoryview)}
            yield bytes(entry.get(1, b"")).decode(), entry.get(2, memoryview(b""))


def _tensor(entry: tuple[str, memoryview], folder: Path) -> _Tensor:
    name, info = entry
    held = dict(fields(info))
    code, shape = held.get(2, 0), held.get(3)
    dtype = _DTYPES.get(code) if isinstance(code, int) else None
    if dtype is None:
        kind = "texts" if code == _TEXT else "no dense numbers"
        raise ModelFileError(
            f"{name!r} of {folder} holds {kind}; only numbers can be compared",
            "save the model with numeric inputs and outputs, for example token ids in place of text",
        )
    if not isinstance(shape, memoryview) or any(number == 3 and value for number, value in fields(shape)):
        raise ModelFileError(
            f"{name!r} of {folder} does not declare its number of axes",
            "save the model with shapes: tf.function(..., input_signature=[tf.TensorSpec([None, 3], tf.float32)])",
        )
    return _Tensor(name, dtype, tuple(_sizes(shape)))


def _sizes(shape: memoryview) -> Iterator[int | None]:
    for number, dimension in fields(shape):
        if number == 2 and isinstance(dimension, memoryview):
            size = dict(fields(dimension)).get(1, 0)
            yield size if isinstance(size, int) and size < 2**63 else None  # -1


def _named(inputs: list[_Tensor], outputs: list[_Tensor]) -> Signature:
    """Return the signature; TensorFlow names no dimensions, so first axes that vary are taken for one batch."""
    sides = ([each for each in side if each.shape and each.shape[0] is None] for side in (inputs, outputs))
    batch = _BATCH if all(list(sides)) else None
    return Signature(tuple(_spec(each, batch) for each in inputs), tuple(_spec(each, batch) for each in outputs), batch)


def _spec(tensor: _Tensor, batch: str | None) -> TensorSpec:
    plain = re.sub(r"\W", "_", tensor.name, flags=re.ASCII)
    shape: list[Dimension] = [
        size if size is not None else batch if axis == 0 and batch else f"dim_{plain}_{axis}"
        for axis, size in enumerate(tensor.shape)
    ]
    return TensorSpec(tensor.name, tensor.dtype, tuple(shape))

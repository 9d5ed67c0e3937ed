"""Checks ONNX files by walking their protobuf: is it a model, and does its external data stay in the artifact?

External data is a file name that parsers open: outside the artifact it reads any file (CVE-2022-25882, CVE-2024-27318,
CVE-2026-27489), and one marker makes ONNX Runtime and OpenVINO read any address of the process.
Field numbers are those of onnx/onnx.proto of onnx 1.19.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import attrs

from navcore.errors import PackageFileError
from navcore.store.archive_rules import MAX_PATH_BYTES, refusal, wrong_path
from navcore.store.protobuf import FieldWalker, Span

__all__ = ["external_files", "inspect_onnx"]

# What holds tensors, directly or deeper: field number -> kind of message, by the kind that it is a field of.
_HOLDS: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_NODE_TYPE = 4
_TENSOR_NAME, _EXTERNAL_DATA, _DATA_LOCATION = 8, 13, 14
_KEYS = frozenset({"location", "offset", "length", "checksum"})
_MAX_DEPTH = 64
"""Messages within messages; a subgraph in a subgraph takes three, and parsers give up at 100."""

_LONGEST_VALUE = MAX_PATH_BYTES
_COMPILED = "EPContext"


@attrs.frozen
class _External:
    """A tensor whose values are in another file."""

    tensor: str
    location: str
    offset: int
    length: int | None


def inspect_onnx(main: str, files: Mapping[str, Callable[[], BinaryIO]], where: Path) -> None:
    """Refuse an artifact that is no ONNX model, or one whose external data is not all in its own files.

    Args:
        main: Path of the .onnx file.
        files: What opens a file, by its path.
        where: Path of the package, for messages.

    Raises:
        PackageFileError: With the file and the reason.
        OSError: A file cannot be read.
    """
    if main not in files:
        raise refusal(where, main, "is missing")
    folder = main.rpartition("/")[0]
    sizes: dict[str, int] = {}
    with files[main]() as file:
        try:
            for found in _externals(file):
                path = f"{folder}/{found.location}" if folder else found.location
                if path not in files:
                    raise ValueError(f"its tensor {found.tensor!a} lies in {found.location!a}, which is not there")
                if path == main:
                    raise ValueError(f"its tensor {found.tensor!a} lies in the model itself")
                size = sizes[path] if path in sizes else sizes.setdefault(path, _size(files[path]))
                if found.offset + (found.length or 0) > size:
                    raise ValueError(f"its tensor {found.tensor!a} reaches beyond the end of {found.location!a}")
        except ValueError as error:
            raise refusal(where, main, f"is refused: {error}") from error


def external_files(path: Path) -> tuple[str, ...]:
    """Return the files that a model reads its external data from, sorted, relative to its folder.

    Raises:
        PackageFileError: It is no ONNX model, or one that reads from elsewhere.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        try:
            return tuple(sorted({found.location for found in _externals(file)}))
        except ValueError as error:
            raise PackageFileError(
                f"{path} cannot be packed: {error}", "save it again, with its external data in its own folder"
            ) from error


def _externals(file: BinaryIO) -> Iterator[_External]:
    """Yield the tensors of a model that lie in other files; ValueError where it is no model or they lie anywhere."""
    walker = FieldWalker(file)
    kinds = {}
    whole = Span(0, walker.size)
    for number, value in walker.fields(whole):
        kinds[number] = type(value)
        if number > 100:
            raise ValueError(f"it is no ONNX model: it has a field {number}")
    if kinds.get(1) is not int or kinds.get(7) is not Span:
        raise ValueError("it is no ONNX model: it has no IR version or no graph")
    yield from _within(walker, whole, "model", sparse=False, depth=0)


def _within(walker: FieldWalker, span: Span, kind: str, *, sparse: bool, depth: int) -> Iterator[_External]:
    if depth > _MAX_DEPTH:
        raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep")
    if kind == "tensor":
        external = _external(walker, span)
        if external is not None and sparse:
            raise ValueError(f"its sparse tensor {external.tensor!a} has external data")
        if external is not None:
            yield external
        return
    inner = _HOLDS[kind]
    for number, value in walker.fields(span):
        if kind == "node" and number == _NODE_TYPE:
            _check_operator(walker, value)
        if number in inner and isinstance(value, Span):
            held = inner[number]
            yield from _within(walker, value, held, sparse=sparse or held == "sparse", depth=depth + 1)


def _check_operator(walker: FieldWalker, value: Span | int) -> None:
    if isinstance(value, Span) and value.size == len(_COMPILED) and walker.text(value, 64) == _COMPILED:
        raise ValueError(f"it holds {_COMPILED}, a compiled model of one device that no check can look into")


def _external(walker: FieldWalker, span: Span) -> _External | None:
    """Return where a tensor's values are, or None where they are in the tensor."""
    entries: dict[str, str] = {}
    name, outside = "", False
    for number, value in walker.fields(span):
        if number == _DATA_LOCATION and value == 1:
            outside = True
        elif number == _TENSOR_NAME and isinstance(value, Span):
            name = walker.text(Span(value.start, min(value.end, value.start + 80)), 80)
        elif number == _EXTERNAL_DATA and isinstance(value, Span):
            key, text = _entry(walker, value)
            if key in entries or key not in _KEYS:
                raise ValueError(f"its tensor {name!a} has the key {key[:40]!a} of external data twice, or at all")
            entries[key] = text
            outside = True
    if not outside:
        return None
    location = entries.get("location", "")
    if location.startswith("*/_ORT"):
        raise ValueError(f"its tensor {name!a} points into the memory of the process: {location[:60]!a}")
    if wrong := wrong_path(location):
        raise ValueError(f"its tensor {name!a} lies in {location[:100]!a}, which {wrong}")
    length = _number(entries["length"], name) if "length" in entries else None
    return _External(name, str(PurePosixPath(location)), _number(entries.get("offset", "0"), name), length)


def _entry(walker: FieldWalker, span: Span) -> tuple[str, str]:
    texts = {1: "", 2: ""}
    for number, value in walker.fields(span):
        if number in texts and isinstance(value, Span):
            texts[number] = walker.text(value, _LONGEST_VALUE)
    return texts[1], texts[2]


def _number(text: str, tensor: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise ValueError(f"its tensor {tensor!a} has {text[:40]!a} where a number of bytes is expected")
    return int(text)


def _size(opened: Callable[[], BinaryIO]) -> int:
    with opened() as file:
        return file.seek(0, 2)

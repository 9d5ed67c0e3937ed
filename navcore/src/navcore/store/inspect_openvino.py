"""Checks OpenVINO IR by its XML: a <net>, no entities, and constants that lie inside the .bin beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat  # streams, and stops at the first thing that is refused

from navcore.store.archive_rules import refusal

__all__ = ["inspect_openvino"]

_PIECE = 1 << 16
_MAX_TOKEN_BYTES = 8 << 20
"""Of one tag, whose attributes are in memory at once. Shapes and names need hundreds, lists in rt_info thousands."""

_MAX_DEPTH = 200
"""Levels of tags; each body within a body, such as an If in a Loop, takes five."""

_CONSTANTS = ("Const", "Constant")


def inspect_openvino(main: str, files: Mapping[str, Callable[[], BinaryIO]], where: Path) -> None:
    """Refuse an artifact that is no IR, or reads outside of its weights.

    Args:
        main: Path of the .xml file.
        files: What opens a file, by its path.
        where: Path of the package, for messages.

    Raises:
        PackageFileError: With the file and the reason.
        OSError: A file cannot be read.
    """
    weights = main.rpartition(".")[0] + ".bin"
    size = _size(files[weights]) if weights in files else 0
    if main not in files:
        raise refusal(where, main, "is missing")
    _Inspection(main, where, size).run(files[main])


def _size(opened: Callable[[], BinaryIO]) -> int:
    with opened() as file:
        return file.seek(0, 2)


class _Inspection:
    """One pass over the XML."""

    def __init__(self, main: str, where: Path, weights_bytes: int) -> None:
        self._main, self._where, self._weights_bytes = main, where, weights_bytes
        self._depth = 0
        self._layer = ""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._doctype
        parser.ProcessingInstructionHandler = self._doctype
        self._parser = parser

    def run(self, opened: Callable[[], BinaryIO]) -> None:
        fed = 0
        with opened() as file:
            try:
                while piece := file.read(_PIECE):
                    self._parser.Parse(piece, False)
                    fed += len(piece)
                    if fed - self._parser.CurrentByteIndex > _MAX_TOKEN_BYTES:
                        self._refuse(f"has a tag of more than {_MAX_TOKEN_BYTES} bytes")
                self._parser.Parse(b"", True)
            except expat.ExpatError as error:
                self._refuse(f"is no XML: {error}")

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if not self._depth and tag != "net":
            self._refuse(f"is no OpenVINO model: its root is <{ascii(tag[:40])[1:-1]}>, not <net>")
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._refuse(f"is nested more than {_MAX_DEPTH} levels deep")
        if tag == "layer":
            self._layer = attributes.get("type", "")
        elif tag == "data" and self._layer in _CONSTANTS:
            self._check_constant(attributes.get("offset", ""), attributes.get("size", ""))

    def _end(self, _tag: str) -> None:
        self._depth -= 1

    def _doctype(self, *_: object) -> None:
        self._refuse("declares a document type, entities or instructions")

    def _check_constant(self, offset: str, size: str) -> None:
        for text in (offset, size):
            if not (text.isascii() and text.isdigit() and len(text) <= 19):
                self._refuse(f"has a constant at {text[:40]!a}")
        if int(offset) + int(size) > self._weights_bytes:
            self._refuse(
                f"has a constant at {offset} of {size} bytes, and there are {self._weights_bytes} bytes of weights"
            )

    def _refuse(self, why: str) -> None:
        raise refusal(self._where, self._main, why)

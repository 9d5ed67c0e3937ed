"""Checks .npy files by their header: plain numbers or texts, and exactly as many bytes as it says."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import BinaryIO

from navcore.store.archive_rules import refusal

__all__ = ["inspect_npy"]

_HEADERS = {b"\x01\x00": 2, b"\x02\x00": 4, b"\x03\x00": 4}  # version: bytes of the header's length
_MAX_HEADER_BYTES = 1 << 14
"""Numpy writes 118 bytes for arrays of up to 64 axes; it reads at most 10,000 of strangers."""

_HEADER = re.compile(
    rb"\{'descr': '([<>|=])([a-zA-Z])([0-9]{1,9})', 'fortran_order': (?:True|False), 'shape': \(([0-9, ]*)\),? *\} *\n"
)
_KINDS = frozenset(b"biufcSUV"[i : i + 1] for i in range(8))  # V: types that NumPy lacks, as raw bytes; no O, objects
_MAX_AXES = 64


def inspect_npy(file: BinaryIO, name: str, where: Path) -> None:
    """Refuse a file that is no array of numbers or texts, or not as long as its header says.

    Raises:
        PackageFileError: With the name and the reason.
        OSError: It cannot be read.
    """
    start = file.read(12)
    width = _HEADERS.get(start[6:8])
    if start[:6] != b"\x93NUMPY" or width is None or len(start) < 12:
        raise refusal(where, name, "is no .npy file")
    length = int.from_bytes(start[8 : 8 + width], "little")
    if length > _MAX_HEADER_BYTES:
        raise refusal(where, name, f"has a header of {length} bytes; at most {_MAX_HEADER_BYTES} are read")
    file.seek(8 + width)
    found = _HEADER.fullmatch(file.read(length))
    if found is None:
        raise refusal(where, name, "has a header that is not that of a plain array")
    if found[2] not in _KINDS:
        raise refusal(
            where, name, f"holds values of type {found[2].decode()!r}: Python objects, or none that are known"
        )
    sizes = [part.strip() for part in found[4].split(b",") if part.strip()]
    if len(sizes) > _MAX_AXES or not all(size.isdigit() and len(size) <= 19 for size in sizes):
        raise refusal(where, name, "has a shape that is none")
    item = int(found[3]) * (4 if found[2] == b"U" else 1)
    wanted = 8 + width + length + item * math.prod(map(int, sizes))
    if file.seek(0, 2) != wanted:
        raise refusal(where, name, f"has {file.tell()} bytes, and its header says {wanted}")

"""Fields of a protocol buffer, read without its classes: those of TensorFlow take seconds to import."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["WireError", "fields"]

_FIXED = {1: 8, 5: 4}
"""Bytes by wire type."""


class WireError(ValueError):
    """The bytes are no protocol buffer."""


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field: an integer, or the bytes of a text, a message or a fixed-size number.

    Raises:
        WireError: The bytes end early, or are something else.
    """
    place = 0
    while place < len(data):
        key, place = _number(data, place)
        kind = key & 7
        if kind == 0:
            value, place = _number(data, place)
            yield key >> 3, value
            continue
        if kind == 2:
            size, place = _number(data, place)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise WireError(f"a field of kind {kind} at byte {place}")
        if place + size > len(data):
            raise WireError(f"it ends {place + size - len(data)} bytes early")
        yield key >> 3, data[place : place + size]
        place += size


def _number(data: memoryview, place: int) -> tuple[int, int]:
    """Return a variable-length number, and the place after it."""
    value = shift = 0
    while place < len(data) and shift < 70:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value & (2**64 - 1), place
    raise WireError("it ends within a number")

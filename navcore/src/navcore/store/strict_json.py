"""Reads JSON of strangers: one meaning only, numbers that fit, and no depth that a parser could fall into."""

from __future__ import annotations

import json
import math
import unicodedata
from typing import Any

__all__ = ["clean_texts", "parse_strict"]

_MAX_DEPTH = 32
"""Levels; the records of navcore have about a dozen."""

_MAX_DIGITS = 19
"""Of a whole number: those of 64 bits have that many. Python would read a million digits, slowly."""

_TURNS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def parse_strict(text: str) -> Any:
    """Return what a JSON text says.

    Raises:
        ValueError: It is no JSON; names a key twice; holds NaN, an infinity or a whole number beyond 64 bits; or is
            nested more than 32 levels deep.
    """
    try:
        data = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_whole, parse_float=_number
        )
    except RecursionError:
        raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep") from None
    _check_depth(data)
    return data


def clean_texts(data: Any) -> Any:
    """Return the data with U+FFFD for what a terminal would obey, a reader not see, or no file hold.

    Line ends and tabs stay. Lists and objects are changed in place.
    """
    if isinstance(data, str):
        return data if data.isprintable() else "".join(map(_clean, data))
    if isinstance(data, list):
        for index, value in enumerate(data):
            if not isinstance(value, int | float):
                data[index] = clean_texts(value)
    elif isinstance(data, dict):
        for key, value in data.items():
            data[key] = clean_texts(value)
    return data


def _clean(char: str) -> str:
    hidden = unicodedata.category(char) in ("Cc", "Cs") or char in _TURNS
    return "\N{REPLACEMENT CHARACTER}" if hidden and char not in "\n\t" else char


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"it has the key {key[:100]!a} twice in one object")
        found[key] = value
    return found


def _constant(text: str) -> Any:
    raise ValueError(f"it holds {text}, which JSON does not have")


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > _MAX_DIGITS:
        raise ValueError(f"it holds a whole number of {len(text)} digits")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"it holds the number {text[:20]}, which is too large")
    return value


def _check_depth(data: Any) -> None:
    level = [data] if isinstance(data, dict | list) else []
    for _ in range(_MAX_DEPTH):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [value for values in inner for value in values if isinstance(value, dict | list)]
    if level:
        raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep")

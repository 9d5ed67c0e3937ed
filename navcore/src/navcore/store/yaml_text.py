"""Plain data as YAML: the part of it that needs no parser to be understood."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["to_yaml"]


def to_yaml(data: Any) -> str:
    """Return mappings, lists and scalars as YAML; texts are quoted as in JSON, which YAML reads the same.

    Raises:
        TypeError: Something in it is none of these.
    """
    return "\n".join(_lines(data, 0)) + "\n"


def _lines(value: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if not _is_block(value):
        yield f"{indent}{_inline(value)}"
        return
    pairs = ((f"{json.dumps(str(key))}:", item) for key, item in value.items()) if isinstance(value, Mapping) else None
    for head, item in pairs or (("-", item) for item in value):
        if _is_block(item):
            yield f"{indent}{head}"
            yield from _lines(item, depth + 1)
        else:
            yield f"{indent}{head} {_inline(item)}"


def _is_block(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list | tuple) and not all(map(_is_scalar, value))


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _inline(value: Any) -> str:
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_inline, value))}]"
    if isinstance(value, Mapping):
        return "{}"
    if not _is_scalar(value):
        raise TypeError(f"{value!r} is no plain data")
    return json.dumps(value)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    digits, exponent, power = repr(value).partition("e")
    return f"{digits}{'' if '.' in digits else '.0'}{exponent}{power}"  # YAML 1.1 takes 1e-05 for a text

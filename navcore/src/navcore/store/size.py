"""Sizes as people write them."""

from __future__ import annotations

import re

from navcore.errors import UsageError

__all__ = ["parse_size", "size_text"]

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_size(text: str, where: str) -> int:
    """Return the number of bytes: `"500"`, `"5GB"` (5 * 1000**3), `"1.5 GiB"` (1.5 * 1024**3).

    Args:
        text: As the user gave it.
        where: What it was given as, for the message.

    Raises:
        UsageError: It is no size.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or (found[3] and not found[2]):
        raise UsageError(f"{where}={text!r} is not a size", "give bytes, or a number with a unit such as 5GB or 500MiB")
    return int(float(found[1]) * (1024 if found[3] else 1000) ** _POWERS[found[2].lower()])


def size_text(size_bytes: int) -> str:
    """Return a size for people: `0 B`, `532 B`, `1.5 kB`, `23.4 MB`, `20 GB`; a kB is 1000 bytes."""
    value, unit = float(size_bytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.95 or unit == "TB":
            break
        value /= 1000
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"

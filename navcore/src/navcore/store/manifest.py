"""`package.json` in a package file: bytes of a stranger to a checked record, and back."""

from __future__ import annotations

import json
from pathlib import Path

from navcore.domain import PackageStatus
from navcore.errors import PackageFileError
from navcore.store.archive_rules import MANIFEST, MAX_MANIFEST_BYTES, refusal
from navcore.store.schema import from_json, to_data

__all__ = ["MAX_OBJECTS", "MAX_VALUES", "manifest_bytes", "read_manifest"]

MAX_VALUES = 1_000_000
"""Values: what was measured, mostly. Each may take up to 90 bytes in memory, while it takes two in the file."""

MAX_OBJECTS = 200_000
"""Lists and objects: each takes up to 240 bytes in memory, while it takes two in the file."""


def manifest_bytes(status: PackageStatus, where: Path) -> bytes:
    """Return the record as the content of `package.json`.

    Raises:
        PackageFileError: It is larger than what is read.
    """
    text = json.dumps(to_data(status), allow_nan=False, separators=(",", ":")).encode("ascii")
    if wrong := _too_much(text):
        raise PackageFileError(
            f"{where}: {MANIFEST} {wrong}", "measure less: see window_size and max_trials of nav.OptimizationProfile"
        )
    return text


def read_manifest(text: bytes, where: Path) -> PackageStatus:
    """Return the record that `package.json` holds; its texts are safe to print.

    Raises:
        PackageFileError: It is too large, no JSON, of another schema, or not such a record.
    """
    if wrong := _too_much(text):
        raise refusal(where, MANIFEST, wrong)
    if not text.isascii():
        raise refusal(where, MANIFEST, "is not ASCII, as it is written")
    place = f"{where}: {MANIFEST}"
    return from_json(text.decode("ascii"), place, error=PackageFileError, fix="get the file again", own=False)


def _too_much(text: bytes) -> str:
    """Return why the text would take too much memory: its size, and at most how many values it has."""
    if len(text) > MAX_MANIFEST_BYTES:
        return f"has {len(text)} bytes; at most {MAX_MANIFEST_BYTES} are read"
    if (objects := text.count(b"[") + text.count(b"{")) > MAX_OBJECTS:
        return f"has {objects} lists and objects; at most {MAX_OBJECTS} are read"
    if (values := text.count(b",")) > MAX_VALUES:
        return f"has {values} values; at most {MAX_VALUES} are read"
    return ""

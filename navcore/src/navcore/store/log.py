"""The end of a log, for people."""

from __future__ import annotations

from pathlib import Path

__all__ = ["end_of_log"]

_LAST_BYTES = 1 << 16


def end_of_log(root: Path, path: str) -> str | None:
    """Return the last 64 KiB of a log at most, from the beginning of a line; None where there is none.

    Args:
        root: Folder of the workspace. A path that leads out of it, as somebody else's results may hold, is none.
        path: Relative to the workspace; may be empty.
    """
    file = (root / path).resolve()
    if not path or not file.is_relative_to(root.resolve()) or not file.is_file():
        return None
    with file.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - _LAST_BYTES))
        text = stream.read().decode("utf-8", errors="replace")
    return text if size <= _LAST_BYTES else text.partition("\n")[2]

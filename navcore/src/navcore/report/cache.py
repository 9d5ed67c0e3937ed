"""What is in the artifact cache."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import attrs
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from navcore.store.cache import ArtifactCache, CacheEntry
from navcore.store.size import size_text

__all__ = ["cache_json", "cache_page", "removed_text"]

_KEY_LENGTH = 12


def cache_json(cache: ArtifactCache) -> str:
    """Return place, limit, size and entries as JSON text."""
    entries = cache.entries()
    data = {
        "root": str(cache.root),
        "max_bytes": cache.max_bytes,
        "size_bytes": _total(entries),
        "entries": [attrs.asdict(entry) for entry in entries],
    }
    return json.dumps(data, indent=1) + "\n"


def cache_page(cache: ArtifactCache) -> RenderableType:
    """Return the entries for people, least recently used first, and their size together."""
    entries = cache.entries()
    limit = "nothing is kept" if cache.max_bytes <= 0 else f"at most {size_text(cache.max_bytes)}"
    total = f"{len(entries)} {_entries(entries)}, {size_text(_total(entries))}; {limit}, in {cache.root}"
    if not entries:
        return Text(total, overflow="fold")
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("key", "tool", "route"):
        table.add_column(title, overflow="fold")
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("last used", no_wrap=True)
    for entry in entries:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.last_used))
        size = "failure" if entry.failed else size_text(entry.size_bytes)
        table.add_row(entry.key[:_KEY_LENGTH], entry.tool, entry.route, size, used)
    return Group(table, Text(), Text(total, overflow="fold"))


def removed_text(removed: Sequence[CacheEntry], cache: ArtifactCache) -> str:
    """Return what was removed and what is left, in one line."""
    left = cache.entries()
    return (
        f"removed {len(removed)} {_entries(removed)}, {size_text(_total(removed))}; "
        f"{len(left)} left, {size_text(_total(left))}, in {cache.root}"
    )


def _total(entries: Sequence[CacheEntry]) -> int:
    return sum(entry.size_bytes for entry in entries)


def _entries(entries: Sequence[CacheEntry]) -> str:
    return "entry" if len(entries) == 1 else "entries"

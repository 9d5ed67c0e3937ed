"""The artifact cache's folder: its marker, its lock, and entries that appear and disappear by a rename."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import attrs

from navcore.errors import UsageError

__all__ = ["CacheFolder", "Weight", "size_of"]

_MARKER = ".navcore-cache"
_MARKER_TEXT = "This folder is the artifact cache of navcore: `nav cache clear` removes what is in it.\n"
_LOCK = ".navcore-lock"
_LOCK_TIMEOUT_S = 60.0
_KEY = re.compile(r"[0-9a-f]{64}")


@attrs.frozen
class Weight:
    """What an entry costs: its key, the size of its files, and when it was last used in seconds since 1970."""

    key: str
    size_bytes: int
    last_used: float


@attrs.frozen
class CacheFolder:
    """A folder that holds a cache, or will.

    Attributes:
        root: The folder. Nothing in it is deleted unless it carries the marker.
    """

    root: Path

    def refuse_foreign(self) -> None:
        """Raise a UsageError if the root is not empty and not a cache."""
        if self.root.exists() and not self.root.is_dir():
            raise UsageError(f"the cache {self.root} is a file", "set NAVCORE_CACHE_DIR to a folder")
        names = sorted(os.listdir(self.root)) if self.root.exists() else []
        if names and not self.is_ours():  # looked at last: another process may have marked it just now
            raise UsageError(
                f"{self.root} is not empty and not a cache of navcore (it holds {', '.join(names[:3])}); nothing was "
                "touched",
                "set NAVCORE_CACHE_DIR to a new or empty folder",
            )

    def is_ours(self) -> bool:
        """Return whether the root carries the marker."""
        return (self.root / _MARKER).is_file()

    def claim(self) -> None:
        """Make the folder and its marker where they are missing; only the user may look into it."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.is_ours():
            self.refuse_foreign()
            (self.root / _MARKER).write_text(_MARKER_TEXT)

    def entry(self, key: str) -> Path:
        """Return the path of an entry."""
        if not _KEY.fullmatch(key):
            raise ValueError(f"key={key!r} is not a SHA-256 in lower-case hexadecimal")
        return self.root / "entries" / key

    def weights(self) -> list[Weight]:
        """Return every entry, least recently used first; one without its record counts as never used."""
        try:
            keys = [name for name in os.listdir(self.root / "entries") if _KEY.fullmatch(name)]
        except OSError:  # there is none yet, or it is not for us to see
            return []
        return sorted((self._weight(key) for key in keys), key=lambda weight: (weight.last_used, weight.key))

    def _weight(self, key: str) -> Weight:
        folder, last_used = self.entry(key), 0.0
        with contextlib.suppress(OSError):
            last_used = (folder / "entry.json").stat().st_mtime
        return Weight(key, size_of(folder), last_used)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing the cache meanwhile.

        Raises:
            OSError: It cannot be locked, or another process keeps it locked for a minute.
        """
        import filelock

        with filelock.FileLock(self.root / _LOCK, timeout=_LOCK_TIMEOUT_S):
            yield

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give an empty folder that is gone afterwards, unless it was renamed. Hold the lock."""
        parent = self.root / "scratch"
        parent.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=parent))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what a process that was killed left in scratch. Hold the lock."""
        parent = self.root / "scratch"
        if self.is_ours() and not parent.is_symlink():
            shutil.rmtree(parent, ignore_errors=True)

    def discard(self, key: str) -> None:
        """Remove an entry: a reader finds the whole of it or nothing. Hold the lock."""
        folder = self.entry(key)
        if not self.is_ours() or not os.path.lexists(folder):
            return
        with self.scratch() as scratch:
            folder.rename(scratch / key)


def size_of(folder: Path) -> int:
    """Return the size of all files below a folder; one that vanishes, or is not for us to see, counts nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_size
    return total

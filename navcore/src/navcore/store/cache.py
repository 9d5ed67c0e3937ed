"""The artifact cache: what a tool made of the same input once is not made again.

    root/.navcore-cache               marker; nothing is ever deleted in a folder without it
    root/.navcore-lock                held while anything is written or removed
    root/entries/<key>/entry.json     what it is; its modification time is when the entry was last used
    root/entries/<key>/files/         the artifact's files: real ones, never links
    root/scratch/                     entries while they are being written or removed

A cache that is damaged or cannot be written is no error of the run: it is logged, and the artifact is built.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from navcore.domain import Failure, FailureKind, FileHash, Signature
from navcore.errors import UsageError
from navcore.store.cache_entry import CachedBuild, CachedFailure, CacheEntry, Record, read_record, record_text
from navcore.store.cache_folder import CacheFolder, size_of
from navcore.store.copying import copy_file
from navcore.store.size import parse_size
from navcore.store.workspace import sha256_of

__all__ = ["ArtifactCache", "CACHEABLE_FAILURES", "CachedBuild", "CachedFailure", "CacheEntry", "open_cache"]

CACHEABLE_FAILURES = frozenset(
    {FailureKind.EXCEPTION, FailureKind.UNSUPPORTED_OPERATOR, FailureKind.NO_ARTIFACT, FailureKind.SIGNATURE}
)
"""Kinds of failure that the key alone decides: no timeouts, crashes, interrupts, full disks or missing packages."""

_DIR, _MAX_BYTES = "NAVCORE_CACHE_DIR", "NAVCORE_CACHE_MAX_BYTES"
_DEFAULT_MAX_BYTES = 20 * 1024**3
_LONGEST_LOG = 200_000
_LOGGER = logging.getLogger(__name__)


def open_cache() -> ArtifactCache:
    """Return the user's cache; nothing is written yet.

    The environment variable NAVCORE_CACHE_DIR names its folder, NAVCORE_CACHE_MAX_BYTES its size: bytes, or a text
    such as `5GB`; 0 keeps nothing.

    Raises:
        UsageError: The folder holds something else, or the size is none.
    """
    import platformdirs

    folder, size = os.environ.get(_DIR), os.environ.get(_MAX_BYTES)
    root = Path(folder).expanduser() if folder else platformdirs.user_cache_path("navcore") / "artifacts"
    return ArtifactCache(root.absolute(), parse_size(size, _MAX_BYTES) if size else _DEFAULT_MAX_BYTES)


@attrs.frozen
class ArtifactCache:
    """A folder of artifacts by key; any number of processes may use it at once.

    Attributes:
        root: Its folder; made when something is stored.
        max_bytes: Size beyond which the least recently used entries are removed.
        failure_kinds: Kinds of failure that are kept.

    Raises:
        UsageError: The folder holds something else.
    """

    root: Path
    max_bytes: int
    failure_kinds: frozenset[FailureKind] = CACHEABLE_FAILURES
    _told: set[str] = attrs.field(factory=set, init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        with contextlib.suppress(PermissionError):  # what cannot be looked at is never written to either
            self._folder.refuse_foreign()

    @property
    def _folder(self) -> CacheFolder:
        return CacheFolder(self.root)

    def lookup(self, key: str) -> CachedBuild | CachedFailure | None:
        """Return what is known under the key, and count it as used; None for nothing."""
        entry = self._folder.entry(key)
        try:
            record = read_record(entry / "entry.json", key)
        except FileNotFoundError:
            return None
        except ValueError as error:
            self._drop(key, str(error))
            return None
        except OSError as error:
            self._tell(f"cannot be read: {error}")
            return None
        with contextlib.suppress(OSError):  # a cache that only others may write, or an entry just removed
            os.utime(entry / "entry.json")
        return record.result(entry / "files")

    def restore(self, cached: CachedBuild, destination: Path) -> bool:
        """Copy an artifact out and return whether it is there, whole; False is a miss.

        Args:
            cached: As `lookup` gave it. If its files are not those that were stored, the entry is dropped.
            destination: A folder that is empty or does not exist. After a miss it is empty.
        """
        destination.mkdir(parents=True, exist_ok=True)
        if any(destination.iterdir()):
            raise ValueError(f"destination={destination} is not empty")
        damage: str | None = None
        whole = False
        try:
            damage = _copy_out(cached, destination)
            whole = damage is None
        except FileNotFoundError as error:
            damage = str(error)
        except OSError as error:  # not the entry's fault: the destination's disk may be full
            self._tell(f"cannot be copied from: {error}")
        finally:
            if not whole:
                _empty(destination)
        if damage is not None:
            self._drop(cached.key, damage)
        return whole

    def store(
        self, key: str, folder: Path, main: str, signature: Signature, *, tool: str = "", route: str = ""
    ) -> bool:
        """Keep a copy of an artifact and return whether the cache has it now; the first to store a key wins.

        Args:
            key: As `build_key` made it.
            folder: Holds the artifact and nothing else: regular files and folders.
            main: Name of its main file or folder.
            signature: Inputs and outputs of the artifact.
            tool, route: For `nav cache list`.
        """

        def write(entry: Path) -> Record:
            folders, files = _copy_in(folder, entry / "files")
            return Record(key, tool, route, main, signature, folders, files)

        return self._store(key, write, lambda: size_of(folder))

    def store_failure(
        self, key: str, failure: Failure, *, log: Path | None = None, tool: str = "", route: str = ""
    ) -> bool:
        """Keep a failure, with the end of its log, if the key alone decides that it happens; return whether."""
        if failure.kind not in self.failure_kinds:
            return False

        def write(_entry: Path) -> Record:
            text = log.read_text(encoding="utf-8", errors="replace")[-_LONGEST_LOG:] if log else ""
            return Record(key, tool, route, failure=attrs.evolve(failure, log=""), log=text)

        return self._store(key, write, lambda: 0)

    def entries(self) -> tuple[CacheEntry, ...]:
        """Return every entry, least recently used first; damaged ones are left out."""
        found: list[CacheEntry] = []
        for weight in self._folder.weights():
            with contextlib.suppress(OSError, ValueError):
                record = read_record(self._folder.entry(weight.key) / "entry.json", weight.key)
                failed = record.failure is not None
                found.append(
                    CacheEntry(weight.key, record.tool, record.route, failed, weight.size_bytes, weight.last_used)
                )
        return tuple(found)

    def gc(self, max_bytes: int | None = None) -> tuple[CacheEntry, ...]:
        """Remove the least recently used entries until the rest fits, and return those removed.

        Args:
            max_bytes: Size to come down to; None: the cache's own limit. Damaged entries go in any case.

        Raises:
            UsageError: The cache cannot be changed.
        """
        try:
            if not self._folder.is_ours():
                return ()
            with self._folder.locked():
                before = self.entries()
                for key in {weight.key for weight in self._folder.weights()} - {entry.key for entry in before}:
                    self._folder.discard(key)
                self._evict(self.max_bytes if max_bytes is None else max_bytes)
                left = {weight.key for weight in self._folder.weights()}
        except OSError as error:
            raise UsageError(
                f"the cache {self.root} cannot be changed: {error}", "correct the folder's permissions, or try again"
            ) from error
        return tuple(entry for entry in before if entry.key not in left)

    def clear(self) -> tuple[CacheEntry, ...]:
        """Remove every entry, and return them.

        Raises:
            UsageError: The cache cannot be changed.
        """
        return self.gc(-1)

    def _store(self, key: str, write: Callable[[Path], Record], size: Callable[[], int]) -> bool:
        entry = self._folder.entry(key)
        try:
            if not 0 <= size() < self.max_bytes:
                return False
            self._folder.claim()
            with self._folder.locked():
                if not _readable(entry, key):
                    self._write(key, write)
                    self._evict(self.max_bytes)
            return entry.exists()
        except (OSError, ValueError, UsageError) as error:
            self._tell(f"cannot be written: {error}")
            return False

    def _write(self, key: str, write: Callable[[Path], Record]) -> None:
        entry = self._folder.entry(key)
        with self._folder.scratch() as scratch:
            text = record_text(write(scratch))
            (scratch / "entry.json").write_text(text, encoding="utf-8")
            self._folder.discard(key)
            entry.parent.mkdir(exist_ok=True)
            scratch.rename(entry)

    def _evict(self, max_bytes: int) -> None:
        """Remove least recently used entries until the rest fits, and what killed processes left. Hold the lock."""
        weights = self._folder.weights()
        total = sum(weight.size_bytes for weight in weights)
        for weight in weights:
            if total <= max_bytes:
                break
            self._folder.discard(weight.key)
            total -= weight.size_bytes
        self._folder.sweep()

    def _drop(self, key: str, damage: str) -> None:
        """Remove a damaged entry."""
        _LOGGER.warning("an entry of the cache %s is damaged and was dropped (%s): %s", self.root, key[:12], damage)
        with contextlib.suppress(OSError), self._locked_if_ours():
            self._folder.discard(key)

    @contextlib.contextmanager
    def _locked_if_ours(self) -> Iterator[None]:
        with self._folder.locked() if self._folder.is_ours() else contextlib.nullcontext():
            yield

    def _tell(self, trouble: str) -> None:
        """Log a trouble once: each of a run's builds would meet it."""
        if trouble not in self._told:
            self._told.add(trouble)
            _LOGGER.warning("the cache %s %s", self.root, trouble)


def _readable(entry: Path, key: str) -> bool:
    try:
        read_record(entry / "entry.json", key)
    except (OSError, ValueError):
        return False
    return True


def _copy_in(folder: Path, target: Path) -> tuple[tuple[str, ...], tuple[FileHash, ...]]:
    """Copy a folder; return the folders in it, parents first, and its files with the hashes of the originals."""
    target.mkdir()
    folders: list[str] = []
    files: list[FileHash] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise ValueError(f"{path} is a link or a special file")
        if path.is_dir():
            (target / name).mkdir()
            folders.append(name)
        else:
            copy_file(path, target / name)
            files.append(FileHash(name, sha256_of(path), path.stat().st_size))
    return tuple(folders), tuple(files)


def _copy_out(cached: CachedBuild, destination: Path) -> str | None:
    """Copy an entry's files; return what is wrong with them, or None."""
    for name in cached.folders:
        (destination / name).mkdir()
    for file in cached.files:
        source, target = cached.folder / file.path, destination / file.path
        if source.is_symlink() or not source.is_file():
            return f"{file.path} is missing, or no regular file"
        copy_file(source, target)
        if sha256_of(target) != file.sha256:
            return f"{file.path} is not what was stored"
    return None


def _empty(folder: Path) -> None:
    """Remove what was just written into a folder that was empty before."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

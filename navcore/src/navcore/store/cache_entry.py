"""What the artifact cache knows about one entry, and its JSON."""

from __future__ import annotations

import functools
import json
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import attrs

from navcore.domain import Dimension, Failure, FileHash, Signature

if TYPE_CHECKING:
    import cattrs

__all__ = ["CachedBuild", "CachedFailure", "CacheEntry", "Record", "read_record", "record_text"]

_SCHEMA = 1


@attrs.frozen
class CachedBuild:
    """An artifact in the cache; `ArtifactCache.restore` copies it out and checks it.

    Attributes:
        key: As given to `ArtifactCache.store`.
        folder: Where its files lie; may be removed by another process at any time.
        main: Name of the main file or folder in it.
        signature: Inputs and outputs of the artifact.
        folders: Every folder below it, relative with `/`, parents first.
        files: Every file, by path relative to the folder.
    """

    key: str
    folder: Path
    main: str
    signature: Signature
    folders: tuple[str, ...]
    files: tuple[FileHash, ...]


@attrs.frozen
class CachedFailure:
    """Why a build cannot work.

    Attributes:
        failure: Without a path of a log: that was another run's.
        log: End of that run's log; empty where there was none.
    """

    failure: Failure
    log: str


@attrs.frozen
class CacheEntry:
    """One line of `nav cache list`.

    Attributes:
        key: Its key.
        tool, route: What made it, as given when it was stored.
        failed: Whether it is a failure.
        size_bytes: Size of all its files.
        last_used: Seconds since 1970.
    """

    key: str
    tool: str
    route: str
    failed: bool
    size_bytes: int
    last_used: float


def _check_path(_instance: object, _attribute: object, value: str) -> None:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in value:
        raise ValueError(f"{value!r} is not a path inside the entry")


@attrs.frozen
class Record:
    """What `entry.json` holds: exactly one of an artifact (`main`, `signature`, `folders`, `files`) and a failure."""

    key: str
    tool: str
    route: str
    main: str = ""
    signature: Signature | None = None
    folders: tuple[str, ...] = attrs.field(default=(), validator=attrs.validators.deep_iterable(_check_path))
    files: tuple[FileHash, ...] = ()
    failure: Failure | None = None
    log: str = ""

    def __attrs_post_init__(self) -> None:
        if (self.signature is None) == (self.failure is None):
            raise ValueError("an entry is an artifact or a failure")
        if self.signature is not None and self.main not in {*self.folders, *(file.path for file in self.files)}:
            raise ValueError(f"there is no {self.main!r} among the files of the entry")
        for file in self.files:
            _check_path(self, None, file.path)

    def result(self, folder: Path) -> CachedBuild | CachedFailure:
        """Return the entry as the engine gets it."""
        if self.signature is not None:
            return CachedBuild(self.key, folder, self.main, self.signature, self.folders, self.files)
        if self.failure is None:
            raise ValueError("an entry is an artifact or a failure")
        return CachedFailure(self.failure, self.log)


def record_text(record: Record) -> str:
    """Return the record as JSON."""
    return json.dumps({"schema": _SCHEMA, **_converter().unstructure(record)}, indent=1) + "\n"


def read_record(file: Path, key: str) -> Record:
    """Return the record in a file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is damaged, of another schema, or of another key.
    """
    import cattrs

    data = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(data, dict) or data.pop("schema", None) != _SCHEMA or data.get("key") != key:
        raise ValueError("it is of another schema, or of another key")
    try:
        return _converter().structure(data, Record)
    except (cattrs.BaseValidationError, KeyError, TypeError) as error:
        details = "; ".join(cattrs.transform_error(error)) if isinstance(error, cattrs.BaseValidationError) else error
        raise ValueError(str(details)) from error


@functools.cache
def _converter() -> cattrs.Converter:
    import cattrs

    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(Dimension, lambda value, _: value)
    return converter

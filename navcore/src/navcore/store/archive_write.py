"""Writes `.nav` files: one read per file, hashed on the way; the file is there when it is complete."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import attrs

from navcore.domain import FileHash, PackageStatus
from navcore.errors import PackageFileError, WorkspaceError
from navcore.store.archive_rules import CHUNK, MANIFEST, MAX_MEMBERS, MAX_RATIO, check_name, check_names, refusal
from navcore.store.contents import check_contents
from navcore.store.inspect import inspect_contents, opener
from navcore.store.manifest import manifest_bytes

__all__ = ["write_archive"]

_ZIP64_FROM = 2**31 - 1
_DATE = (1980, 1, 1, 0, 0, 0)  # of every member: the same contents give the same file
_MODE = (stat.S_IFREG | 0o644) << 16
_AGAIN = "give every run a workspace of its own, and optimise again"


def write_archive(
    path: Path,
    status: PackageStatus,
    members: Mapping[str, Path],
    *,
    override: bool = False,
    expected: Mapping[str, FileHash] | None = None,
) -> PackageStatus:
    """Write a package file and return the status that is in it: the given one, with `files`.

    The file appears when it is complete and on disk. If anything fails nothing is left, and a file that was there
    stays as it was.

    Args:
        path: File to write.
        status: What it says about itself; its `files` are ignored.
        members: Name in the package, and the regular file on disk, or a link to one.
        override: Whether an existing file may be replaced.
        expected: Contents that some members must have, by name.

    Raises:
        PackageFileError: The file exists, cannot be written, or would be one that `open_archive` refuses.
        WorkspaceError: A member is gone, or not what was expected.
    """
    path = path.absolute()
    if not override and os.path.lexists(path):
        raise _exists(path)
    if len(members) >= MAX_MEMBERS:
        raise refusal(path, "", f"would have {len(members)} files; a package has at most {MAX_MEMBERS - 1}")
    with _told_to_the_writer():
        for name in members:
            check_name(name, path)
        check_names((*members, MANIFEST), path)
    with _appearing(path, override) as file, zipfile.ZipFile(file, "w") as archive:
        written = tuple(_written(archive, members, expected or {}))
        complete = attrs.evolve(status, files=written)
        with _told_to_the_writer():
            check_contents(complete, path)
            inspect_contents(complete, {name: opener(found) for name, found in members.items()}, path)
        _add_manifest(archive, manifest_bytes(complete, path))
    return complete


@contextlib.contextmanager
def _told_to_the_writer() -> Iterator[None]:
    """Give errors of the reader's checks the fix for whoever can still change what is packed."""
    try:
        yield
    except PackageFileError as error:
        raise PackageFileError(
            error.cause, "rename or write again what it names, and optimise again: others would refuse this package"
        ) from error


def _written(
    archive: zipfile.ZipFile, members: Mapping[str, Path], expected: Mapping[str, FileHash]
) -> Iterator[FileHash]:
    """Write every member, and yield what it was."""
    for name in sorted(members):
        try:
            source = _open_regular(members[name])
        except OSError as error:
            raise WorkspaceError(f"{members[name]} cannot be read: {error.strerror or error}", _AGAIN) from error
        with source:
            found = _add(archive, name, source)
        wanted = expected.get(name)
        if wanted is not None and (wanted.sha256, wanted.size_bytes) != (found.sha256, found.size_bytes):
            raise WorkspaceError(f"{members[name]} has changed since the run", _AGAIN)
        yield found


def _open_regular(path: Path) -> io.FileIO:
    """Open a file; one that would block or has no end is an OSError."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(0, "it is no regular file")
    return path.open("rb", buffering=0)


def _add(archive: zipfile.ZipFile, name: str, source: io.FileIO) -> FileHash:
    size = os.fstat(source.fileno()).st_size
    info = _info(name)
    info.file_size = size
    digest = hashlib.sha256()
    done = 0
    buffer = bytearray(min(CHUNK, size + 1))
    view = memoryview(buffer)
    with archive.open(info, "w", force_zip64=size >= _ZIP64_FROM) as target:
        while (count := source.readinto(buffer)) and done + count <= size:
            digest.update(view[:count])
            target.write(view[:count])
            done += count
    if done != size or count:
        raise WorkspaceError(f"{source.name} changed its size while it was read", _AGAIN)
    return FileHash(name, digest.hexdigest(), size)


def _add_manifest(archive: zipfile.ZipFile, text: bytes) -> None:
    """Write `package.json`: compressed, unless it is so uniform that it would look like a bomb."""
    import zlib

    uniform = len(zlib.compress(text, 1)) * MAX_RATIO // 4 < len(text)
    archive.writestr(_info(MANIFEST), text, zipfile.ZIP_STORED if uniform else zipfile.ZIP_DEFLATED)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system, info.external_attr = 3, _MODE
    return info


@contextlib.contextmanager
def _appearing(path: Path, override: bool) -> Iterator[IO[bytes]]:
    """Give a file beside the target that takes its place at the end, or is removed."""
    try:
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".new")
    except OSError as error:
        raise _unwritable(path, error) from error
    temporary = Path(name)
    try:
        with open(number, "wb") as file:
            yield file
            file.flush()
            if hasattr(os, "fchmod"):
                os.fchmod(number, 0o666 & ~_umask())
            os.fsync(number)
        _place(temporary, path, override)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _place(temporary: Path, path: Path, override: bool) -> None:
    """Put the file in its place; without override, whatever appeared there meanwhile stays."""
    if not override:
        try:
            os.link(temporary, path)  # unlike a rename, it never replaces
        except FileExistsError:
            raise
        except OSError:  # no such links on this file system
            if os.path.lexists(path):
                raise FileExistsError from None
            temporary.replace(path)
    else:
        temporary.replace(path)
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with contextlib.suppress(OSError):  # network file systems may not; the content is on disk
                os.fsync(folder)
        finally:
            os.close(folder)


def _umask() -> int:
    """Return the mask for new files without changing it for other threads, where the system tells."""
    with contextlib.suppress(OSError, StopIteration, ValueError), open("/proc/self/status") as file:
        return int(next(line for line in file if line.startswith("Umask:")).split()[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _exists(path: Path) -> PackageFileError:
    return PackageFileError(f"{path} exists", "pass override=True to replace it, or another path")


def _unwritable(path: Path, error: OSError) -> PackageFileError:
    reason = error.strerror or error
    return PackageFileError(f"{path} cannot be written: {reason}", "pass a path in a folder of yours with enough space")

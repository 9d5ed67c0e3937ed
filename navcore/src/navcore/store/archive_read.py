"""Reads `.nav` files of strangers: everything is checked before it is used, and nothing in them is ever run."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import shutil
import stat
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import attrs

from navcore.domain import FileHash, PackageStatus
from navcore.errors import PackageFileError
from navcore.store.archive_rules import CHUNK, MANIFEST, MAX_MANIFEST_BYTES, refusal
from navcore.store.contents import check_contents
from navcore.store.inspect import inspect_contents, opener
from navcore.store.manifest import read_manifest
from navcore.store.zip_directory import Member, read_at, read_directory

__all__ = ["Archive", "open_archive"]

_LAST_BYTES = 1 << 16


@attrs.frozen(eq=False)
class Archive:
    """An open package file whose directory and `package.json` are checked; its other members are not yet.

    Attributes:
        path: The file.
        status: What it says.
    """

    path: Path
    status: PackageStatus
    _number: int
    _members: Mapping[str, Member]

    def verify(self) -> None:
        """Read every member and check it, writing nothing.

        Raises:
            PackageFileError: A member is not what `package.json` says, or not what it is called.
        """
        with _readable(self.path):
            for file in self.status.files:
                self._stream(file, _nowhere)
            inspect_contents(self.status, {file.path: self._opener(file.path) for file in self.status.files}, self.path)

    def extract(self, folder: Path) -> None:
        """Write every member but `package.json` into a folder, checked as `verify` does it.

        Members are written into a new folder that only this user can enter, and moved up when all are checked.

        Args:
            folder: New, or empty. If anything fails it is left as it was.

        Raises:
            PackageFileError: A member is not what `package.json` says, or the folder cannot be written.
        """
        total = sum(file.size_bytes for file in self.status.files)
        with _readable(self.path), _made(folder) as root:
            if total > (free := shutil.disk_usage(root).free):
                raise PackageFileError(
                    f"{self.path} holds {total} bytes, and {free} are free at {folder}", "choose another folder"
                )
            staging = Path(tempfile.mkdtemp(prefix=".nav-", dir=root))
            try:
                self._extract_into(staging)
                _move_up(staging, root)
            finally:
                shutil.rmtree(staging, ignore_errors=True)  # ours: it was made above, under a name nobody knew

    def end_of_log(self, name: str) -> str | None:
        """Return the last 64 KiB of a log at most, from the beginning of a line; None where there is none.

        Raises:
            PackageFileError: It is not what `package.json` says.
        """
        file = next((file for file in self.status.files if file.path == name and name.startswith("logs/")), None)
        if file is None:
            return None
        kept = bytearray()

        def keep(piece: bytes) -> None:
            kept.extend(piece)
            del kept[:-_LAST_BYTES]

        with _readable(self.path):
            self._stream(file, keep)
        text = kept.decode("utf-8", errors="replace")
        return text if file.size_bytes <= _LAST_BYTES else text.partition("\n")[2]

    def _extract_into(self, root: Path) -> None:
        files = {}
        for file in self.status.files:
            target = root / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            number = os.open(target, flags, 0o666)
            with open(number, "wb", buffering=0) as out:
                self._stream(file, functools.partial(_write_all, out))
            files[file.path] = opener(target)
        inspect_contents(self.status, files, self.path)

    def _stream(self, file: FileHash, write: Callable[[bytes], object]) -> None:
        """Read a member to its end, count and hash it, and hand its pieces on."""
        member = self._members[file.path]
        digest, crc, size = hashlib.sha256(), 0, 0
        for piece in _pieces(self._number, member, self.path):
            size += len(piece)
            digest.update(piece)
            crc = zlib.crc32(piece, crc)
            write(piece)
        if size != file.size_bytes or crc != member.crc or digest.hexdigest() != file.sha256:
            raise refusal(self.path, file.path, f"is not what {MANIFEST} says: its size, CRC or SHA-256 is another")

    def _opener(self, name: str) -> Callable[[], BinaryIO]:
        """Return what opens a member that is not compressed where it lies."""
        member = self._members[name]
        return lambda: io.BufferedReader(_Window(self._number, member.offset, member.stored_bytes), 1 << 16)


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Give an archive whose directory and `package.json` are checked; nothing of it is run, and no plugin is needed.

    Raises:
        PackageFileError: There is no such file, or it is damaged, unsafe or of another schema; it names the member.
    """
    path = path.absolute()
    with contextlib.ExitStack() as stack:
        with _readable(path):
            number = stack.enter_context(_opened(path))
            members = {member.name: member for member in read_directory(number, path)}
            if MANIFEST not in members:
                raise refusal(path, MANIFEST, "is missing: this is no package")
            status = read_manifest(_manifest(number, members[MANIFEST], path), path)
            check_contents(status, path)
            _check_listed(status, members, path)
        yield Archive(path, status, number, members)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Give the descriptor of a regular file: it is opened once, so that nobody can swap it between two checks."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    number = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise PackageFileError(f"{path} is no file", "pass the path of a .nav file")
        yield number
    finally:
        os.close(number)


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise PackageFileError(f"there is no file {error.filename or path}", "check the path") from error
    except OSError as error:
        raise PackageFileError(
            f"{path} cannot be read or unpacked: {error.strerror or error}", "see that it and the folder are accessible"
        ) from error


def _manifest(number: int, member: Member, path: Path) -> bytes:
    """Return the content of `package.json`."""
    if member.size_bytes > MAX_MANIFEST_BYTES:
        raise refusal(path, MANIFEST, f"has {member.size_bytes} bytes; at most {MAX_MANIFEST_BYTES} are read")
    text = b"".join(_pieces(number, member, path))
    if len(text) != member.size_bytes or zlib.crc32(text) != member.crc:
        raise refusal(path, MANIFEST, "is damaged: its size or CRC is another")
    return text


def _check_listed(status: PackageStatus, members: Mapping[str, Member], path: Path) -> None:
    """Refuse members that `package.json` does not list, and files of its list that are missing or of another size."""
    listed = {file.path: file for file in status.files}
    for name in sorted(members.keys() - listed.keys() - {MANIFEST}):
        raise refusal(path, name, f"is not in the list of {MANIFEST}")
    for name, file in listed.items():
        if name not in members:
            raise refusal(path, name, "is missing")
        if members[name].size_bytes != file.size_bytes:
            raise refusal(path, name, f"has {members[name].size_bytes} bytes, and {MANIFEST} says {file.size_bytes}")


def _pieces(number: int, member: Member, path: Path) -> Iterator[bytes]:
    """Yield the content of a member, never more than it declares."""
    inflate = zlib.decompressobj(-15) if member.deflated else None
    place, end, left = member.offset, member.offset + member.stored_bytes, member.size_bytes
    while place < end:
        piece = read_at(number, min(CHUNK, end - place), place)
        if not piece:
            raise refusal(path, member.name, "is cut off")
        place += len(piece)
        if inflate is None:
            yield piece
            continue
        while piece and not inflate.eof:
            try:
                out = inflate.decompress(piece, min(CHUNK, left + 1))
            except zlib.error as error:
                raise refusal(path, member.name, f"is damaged: {error}") from error
            left -= len(out)
            if left < 0:
                raise refusal(path, member.name, "becomes larger than it declares")
            yield out
            piece = inflate.unconsumed_tail
        if inflate.eof and (piece or inflate.unused_data or place < end):
            raise refusal(path, member.name, "has something behind its end")
    if inflate is not None and not inflate.eof:
        raise refusal(path, member.name, "is cut off")


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[Path]:
    """Give a folder that is empty; if it is new and something fails, it is removed again."""
    folder = folder.absolute()
    new = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
    if not new and (not folder.is_dir() or any(folder.iterdir())):
        raise PackageFileError(f"{folder} is not empty; nothing was touched", "choose a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    except BaseException:
        for each in new:
            with contextlib.suppress(OSError):  # it may be there no more, or hold what others wrote meanwhile
                each.rmdir()
        raise


def _move_up(staging: Path, root: Path) -> None:
    """Move everything from the folder in which it was checked to its place, or nothing."""
    moved: list[Path] = []
    try:
        for entry in sorted(staging.iterdir()):
            target = root / entry.name
            if os.path.lexists(target):
                raise PackageFileError(f"{target} appeared while the package was unpacked", "choose a new folder")
            entry.rename(target)
            moved.append(target)
    except BaseException:
        for target in moved:
            target.rename(staging / target.name)
        raise


def _write_all(out: io.FileIO, piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        left = left[out.write(left) :]


def _nowhere(_piece: bytes) -> None:
    pass


class _Window(io.RawIOBase):
    """A part of a file as a file of its own."""

    def __init__(self, number: int, start: int, size: int) -> None:
        self._number, self._start, self._size, self._place = number, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = offset + (0, self._place, self._size)[whence]
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = max(0, min(len(buffer), self._size - self._place))
        data = read_at(self._number, count, self._start + self._place)
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

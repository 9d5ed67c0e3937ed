"""Reads the directory of a zip file: strictly, so that every program would find the same members in it.

A package is laid out as it is written: members one after the other from the first byte, each with a local header that
says what the central directory says, the central directory right behind them, and nothing else. So nothing overlaps,
nothing hides between or behind, and a declared size is backed by bytes of the file.
Numbers of sections are those of PKWARE's APPNOTE 6.3.10.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

import attrs

from navcore.store.archive_rules import (
    MAX_MEMBERS,
    MAX_PATH_BYTES,
    MAX_RATIO,
    check_name,
    check_names,
    may_be_compressed,
    refusal,
)

__all__ = ["Member", "read_at", "read_directory"]

_LOCAL = struct.Struct("<4s5H3L2H")  # 4.3.7
_CENTRAL = struct.Struct("<4s6H3L5H2L")  # 4.3.12
_END64 = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
_LOCATOR64 = struct.Struct("<4sLQL")  # 4.3.15
_END = struct.Struct("<4s4H2LH")  # 4.3.16
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_UTF8, _LEVEL = 0x0800, 0x0006
_RATIO_FROM = 1 << 16
"""Bytes below which a member's ratio tells nothing."""


@attrs.frozen
class Member:
    """One file in the archive.

    Attributes:
        name: With `/`; checked.
        deflated: Whether it is compressed.
        offset: Of its first byte in the archive.
        stored_bytes: Its bytes in the archive.
        size_bytes: Its declared size.
        crc: Declared CRC-32.
    """

    name: str
    deflated: bool
    offset: int
    stored_bytes: int
    size_bytes: int
    crc: int


@attrs.frozen
class _Entry:
    """A member as the central directory has it."""

    raw: bytes
    name: str
    flags: int
    method: int
    crc: int
    stored_bytes: int
    size_bytes: int
    header: int


@attrs.frozen
class _Reader:
    """The archive's file descriptor, where it is for messages, and its size."""

    number: int
    where: Path
    size: int

    def at(self, offset: int, count: int, what: str) -> bytes:
        if offset < 0 or offset + count > self.size:
            raise refusal(self.where, "", f"is cut off, or no package: there is no {what}")
        data = b""
        while len(data) < count:
            piece = read_at(self.number, count - len(data), offset + len(data))
            if not piece:
                raise refusal(self.where, "", f"became shorter while its {what} was read")
            data += piece
        return data


def read_at(number: int, count: int, offset: int) -> bytes:
    """Return at most so many bytes of a file, from an offset on."""
    if hasattr(os, "pread"):
        return os.pread(number, count, offset)
    os.lseek(number, offset, os.SEEK_SET)  # Windows
    return os.read(number, count)


def read_directory(number: int, where: Path) -> tuple[Member, ...]:
    """Return the members of a zip file in the order in which they lie in it, every name and header checked.

    Args:
        number: File descriptor of a regular file.
        where: Its path, for messages.

    Raises:
        PackageFileError: With the member and the reason.
        OSError: It cannot be read.
    """
    reader = _Reader(number, where, os.fstat(number).st_size)
    count, size, start = _end(reader)
    entries = list(_central(reader, count, size, start))
    check_names((entry.name for entry in entries), where)
    return tuple(_located(reader, entries, start))


def _end(reader: _Reader) -> tuple[int, int, int]:
    """Return the number of members, and size and offset of the central directory."""
    where, place = reader.where, reader.size - _END.size
    mark, *disks, here, count, size, start, comment = _END.unpack(reader.at(place, _END.size, "end of a zip file"))
    if mark != b"PK\x05\x06" or comment:
        raise refusal(where, "", "is no package, is cut off, or has something behind its end")
    if any(disks) or here != count:
        raise refusal(where, "", "is one part of several")
    located = place >= _LOCATOR64.size and reader.at(place - _LOCATOR64.size, _LOCATOR64.size, "locator")
    if located and located[:4] == b"PK\x06\x07":
        place -= _LOCATOR64.size + _END64.size
        if _LOCATOR64.unpack(located)[1:] not in ((0, place, 1), (0, place, 0)):
            raise refusal(where, "", "has a directory that does not lie where it says")
        mark, length, _, _, disk, first, here64, count64, size64, start64 = _END64.unpack(
            reader.at(place, _END64.size, "end of a zip64 file")
        )
        agree = all(
            short in (long, full)
            for short, long, full in ((count, count64, _FULL16), (size, size64, _FULL32), (start, start64, _FULL32))
        )
        if mark != b"PK\x06\x06" or length != _END64.size - 12 or disk or first or here64 != count64 or not agree:
            raise refusal(where, "", "has two ends that contradict each other")
        count, size, start = count64, size64, start64
    if not 0 < count <= MAX_MEMBERS:
        raise refusal(where, "", f"has {count} members; 1 to {MAX_MEMBERS} are read")
    if start + size != place:
        raise refusal(where, "", "has something between its members and its end, or members that are not there")
    if size > count * (_CENTRAL.size + MAX_PATH_BYTES + 28):
        raise refusal(where, "", f"has a directory of {size} bytes for {count} members")
    return count, size, start


def _central(reader: _Reader, count: int, size: int, start: int) -> Iterator[_Entry]:
    """Yield the entries of the central directory."""
    data, place = reader.at(start, size, "central directory"), 0
    for _ in range(count):
        if place + _CENTRAL.size > size:
            raise refusal(reader.where, "", "has fewer members than it says")
        (
            mark,
            made_by,
            _needed,
            flags,
            method,
            _time,
            _date,
            crc,
            stored,
            full,
            name_length,
            extra_length,
            comment,
            disk,
            _internal,
            external,
            header,
        ) = _CENTRAL.unpack_from(data, place)
        place += _CENTRAL.size
        raw, extra = data[place : place + name_length], data[place + name_length : place + name_length + extra_length]
        place += name_length + extra_length
        if mark != b"PK\x01\x02" or place > size:
            raise refusal(reader.where, "", "has a damaged directory")
        name = _name(reader, raw, flags)
        full, stored, header = _wide(reader, name, extra, (full, stored, header))
        entry = _Entry(raw, name, flags, method, crc, stored, full, header)
        if comment or disk:
            raise refusal(reader.where, name, "has a comment, or lies in another file")
        _check_entry(reader, entry, made_by >> 8, external)
        yield entry
    if place != size:
        raise refusal(reader.where, "", "has more members than it says")


def _name(reader: _Reader, raw: bytes, flags: int) -> str:
    try:
        name = raw.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        raise refusal(reader.where, raw.decode("latin-1"), "has a name that is not UTF-8") from None
    check_name(name, reader.where)
    return name


def _wide(reader: _Reader, name: str, extra: bytes, short: tuple[int, ...]) -> tuple[int, ...]:
    """Return sizes and offset, from the zip64 field (4.5.3) where the header has no room; other fields are refused."""
    places = [place for place, value in enumerate(short) if value == _FULL32]
    if not places and not extra:
        return short
    if extra[:4] != struct.pack("<2H", 1, 8 * len(places)) or len(extra) != 4 + 8 * len(places) or not places:
        raise refusal(reader.where, name, "has header fields that a package does not have")
    values = dict(zip(places, struct.unpack_from(f"<{len(places)}Q", extra, 4), strict=True))
    return tuple(values.get(place, value) for place, value in enumerate(short))


def _check_entry(reader: _Reader, entry: _Entry, system: int, external: int) -> None:
    kind = stat.S_IFMT(external >> 16)
    if entry.flags & _ENCRYPTED:
        why = "is encrypted"
    elif entry.flags & ~(_UTF8 | _LEVEL):
        why = f"has the flags {entry.flags:#06x}, which a package does not have"
    elif system not in (0, 3):
        why = f"comes from system {system}, whose file types are not known"
    elif kind not in (0, stat.S_IFREG) or external & 0x18:
        why = f"is {_KINDS.get(kind, 'a folder or another special file')}, not a regular file"
    elif entry.method not in (_STORED, _DEFLATED):
        why = f"is compressed with method {entry.method}; only deflate is read"
    elif entry.method == _DEFLATED and not may_be_compressed(entry.name):
        why = "is compressed, which artifacts and samples are not"
    elif entry.method == _STORED and entry.stored_bytes != entry.size_bytes:
        why = "has two sizes"
    elif entry.size_bytes > max(_RATIO_FROM, MAX_RATIO * entry.stored_bytes):
        why = f"would become {entry.size_bytes} bytes, more than {MAX_RATIO} times its compressed size"
    else:
        return
    raise refusal(reader.where, entry.name, why)


_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


def _located(reader: _Reader, entries: list[_Entry], end: int) -> Iterator[Member]:
    """Yield the members with where their bytes begin; together they fill the file up to the directory."""
    place = 0
    for entry in sorted(entries, key=lambda entry: entry.header):
        if entry.header != place:
            raise refusal(reader.where, entry.name, "overlaps another member, or has something before it")
        begin = place + _local(reader, entry)
        place = begin + entry.stored_bytes
        if place > end:
            raise refusal(reader.where, entry.name, "is longer than the file, or overlaps its directory")
        yield Member(entry.name, entry.method == _DEFLATED, begin, entry.stored_bytes, entry.size_bytes, entry.crc)
    if place != end:
        raise refusal(reader.where, "", "has something between its last member and its directory")


def _local(reader: _Reader, entry: _Entry) -> int:
    """Return the length of the local header, which says the same as the central one."""
    fixed = reader.at(entry.header, _LOCAL.size, f"header of {entry.name!a}")
    mark, _needed, flags, method, _time, _date, crc, stored, full, name_length, extra_length = _LOCAL.unpack(fixed)
    if mark != b"PK\x03\x04" or name_length != len(entry.raw):
        raise refusal(reader.where, entry.name, "has another name where it lies than in the directory, or no header")
    rest = reader.at(entry.header + _LOCAL.size, name_length + extra_length, f"header of {entry.name!a}")
    full, stored = _wide(reader, entry.name, rest[name_length:], (full, stored))
    if rest[:name_length] != entry.raw:
        raise refusal(reader.where, entry.name, "has another name where it lies than in the directory")
    told = (flags, method, crc, stored, full)
    if told != (entry.flags, entry.method, entry.crc, entry.stored_bytes, entry.size_bytes):
        raise refusal(reader.where, entry.name, "has another size, CRC or method where it lies than in the directory")
    return _LOCAL.size + len(rest)

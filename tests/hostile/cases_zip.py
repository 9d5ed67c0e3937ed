"""Zip files that lead elsewhere, look like something else to another program, or explode."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from .packages import CONTENTS, Entry, digest, manifest, packed, status, with_files, zipped

__all__ = ["NAMES", "ZIPS"]

Case = tuple[Callable[[], bytes], str]


def named(name: str) -> Callable[[], bytes]:
    """A package with a member of this name, which its list has too."""

    def build() -> bytes:
        listed = manifest(status(), lambda data: data["files"].append(vars_of(name)))
        return packed(text=listed, extra=[Entry(name=name, data=b"x")])

    return build


def vars_of(name: str) -> dict[str, Any]:
    found = digest(name, b"x")
    return {"path": name, "sha256": found.sha256, "size_bytes": found.size_bytes}


def member(entry: Entry) -> Callable[[], bytes]:
    """A package with one more member that only the zip file knows."""
    return lambda: packed(extra=[entry])


NAMES: Mapping[str, Case] = {
    "zip slip": (named("../thesis.txt"), r"'\.\./thesis\.txt' has a path that is not normalised"),
    "zip slip within": (named("artifacts/../../thesis.txt"), "'artifacts/../../thesis.txt' has a path that is not"),
    "dot": (named("artifacts/./x"), r"'artifacts/\./x' has a path that is not normalised"),
    "doubled slash": (named("artifacts//x"), "'artifacts//x' has a path that is not normalised"),
    "folder": (named("artifacts/x/"), "'artifacts/x/' has a path that is not normalised"),
    "empty name": (named(""), "has a name that is empty"),
    "absolute path": (named("/tmp/navcore-was-here"), "'/tmp/navcore-was-here' is an absolute path"),
    "drive": (named("C:/navcore"), "'C:/navcore' has the character ':'"),
    "stream of Windows": (named("logs/a.log:b"), "'logs/a.log:b' has the character ':'"),
    "backslash": (named("artifacts\\..\\..\\x"), r"has the character '\\\\'"),
    "NUL": (named("artifacts/x\0.onnx"), r"'artifacts/x\\x00\.onnx' has the character '\\x00'"),
    "line end": (named("artifacts/x\n.onnx"), r"'artifacts/x\\n\.onnx' has the character '\\n'"),
    "escape sequence": (named("artifacts/\x1b[2J.onnx"), r"'artifacts/\\x1b\[2J\.onnx' has the character '\\x1b'"),
    "right to left": (named("artifacts/\u202exnno.exe"), r"'artifacts/\\u202exnno\.exe' has the character '\\u202e'"),
    "command": (named("reproduce/$(touch x).py"), r"'reproduce/\$\(touch x\)\.py' has the character '\$'"),
    "backticks": (named("reproduce/`id`.py"), "'reproduce/`id`.py' has the character '`'"),
    "quote": (named("reproduce/a'b.py"), 'has the character "\'"'),
    "double quote": (named('artifacts/a"b.py'), "has the character '\"'"),
    "next command": (named("logs/a;id.log"), "'logs/a;id.log' has the character ';'"),
    "pipe": (named("logs/a|id.log"), r"'logs/a\|id\.log' has the character '\|'"),
    "option": (named("artifacts/-rf/x"), "'artifacts/-rf/x' has a name that begins with"),
    "home": (named("artifacts/~root/x"), "'artifacts/~root/x' has the character '~'"),
    "wildcard": (named("artifacts/*/x"), r"'artifacts/\*/x' has the character '\*'"),
    "device": (named("artifacts/CON"), "'artifacts/CON' has the name of a device"),
    "device with an ending": (named("artifacts/com1.onnx"), "'artifacts/com1.onnx' has the name of a device"),
    "device with a space": (named("artifacts/nul .txt/x"), "'artifacts/nul .txt/x' has the name of a device"),
    "superscript device": (named("artifacts/LPT\N{SUPERSCRIPT TWO}"), "has the name of a device"),
    "dot at the end": (named("artifacts/x."), "'artifacts/x.' has a name that begins with .* or ends with"),
    "space at the end": (named("artifacts/x /y"), "'artifacts/x /y' has a name that begins with .* or ends with"),
    "not composed": (named("artifacts/e\N{COMBINING ACUTE ACCENT}/x"), "that is not in Unicode's form NFC"),
    "long part": (named("artifacts/" + "x" * 256), "'artifacts/xxx.* has a name with a part longer than 255 bytes"),
    "long path": (named("artifacts/" + "x/" * 600 + "x"), "has a name that is empty or longer than 1024 bytes"),
    "marker of workspaces": (named(".navcore-workspace"), "'.navcore-workspace' has a place .* nothing belongs to"),
    "startup file": (named(".bashrc"), "'.bashrc' has a place in the package that nothing belongs to"),
    "journal": (named("journal.json"), "'journal.json' has a place in the package that nothing belongs to"),
    "log in a folder": (named("logs/deep/x.log"), "'logs/deep/x.log' has a place .* nothing belongs to"),
    "sample of another name": (named("samples/inputs/0-0.pkl"), "'samples/inputs/0-0.pkl' has a place"),
    "other case": (named("artifacts/ONNX/model.onnx"), "'artifacts/ONNX/model.onnx' .*in case only"),
    "folder of other case": (named("Artifacts/onnx/x"), "'Artifacts/onnx/x' has a place"),
    "folder and file": (named("artifacts/onnx"), "'artifacts/onnx' is a file and a folder"),
    "sharp s": (
        lambda: packed({**CONTENTS, "logs/STRASSE.log": b"", "logs/stra\N{LATIN SMALL LETTER SHARP S}e.log": b""}),
        "logs/stra.*e.log' is there twice, or differs from 'logs/STRASSE.log' in case only",
    ),
}


def mode(kind: int) -> dict[str, Any]:
    return {"external": (kind | 0o777) << 16}


def relinked(name: str, target: bytes) -> bytes:
    """A package in which a member is a link, and the list knows its content."""
    contents = {**CONTENTS, name: target}
    entries = [
        Entry(name=path, data=data, central=mode(0o120000) if path == name else {})
        for path, data in sorted(contents.items())
    ]
    return zipped([*entries, Entry(name="package.json", data=manifest(with_files(contents)))])


def overlapping() -> bytes:
    """Many entries over one body: 42.zip without nesting."""
    body = Entry(name="logs/0.log", data=b"x" * 1000)
    twice = [
        Entry(name=f"logs/{index}.log", data=b"", central={"offset": 0, "size": 1000, "stored": 1000})
        for index in range(1, 50)
    ]
    return zipped([body, *twice, Entry(name="package.json", data=manifest(status()), method=8)])


def quoted() -> bytes:
    """A zip file in a zip file: the inner headers are the content of the outer."""
    inner = zipped([Entry(name="package.json", data=b"{}")])
    return packed({**CONTENTS, "logs/a.log": inner}) + b"behind"


def zip64(count: int) -> bytes:
    """An honest package with a second end that says something else."""
    data = packed()
    size, start = struct.unpack("<2L", data[-10:-2])
    place = len(data) - 22
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    return data[:place] + record + struct.pack("<4sLQL", b"PK\x06\x07", 0, place, 1) + data[place:]


LOG = "logs/x.log"
BOMB = Entry(name=LOG, data=bytes(50_000_000), method=8)

ZIPS: Mapping[str, Case] = {
    "no zip": (lambda: b"PK" + bytes(1000), "is no package, is cut off, or has something behind its end"),
    "empty": (lambda: b"", "is cut off, or no package"),
    "no members": (lambda: zipped([]), "has 0 members"),
    "cut off": (lambda: packed()[:-100], "is no package, is cut off"),
    "cut off in front": (lambda: packed()[100:], "has something between its members and its end"),
    "something in front": (lambda: b"#!/bin/sh\n" + packed(), "has something between its members and its end"),
    "something in front that counts": (lambda: packed(before=b"#!/bin/sh\n"), "'artifacts/onnx.* has something before"),
    "something behind": (lambda: packed(behind=b"x"), "has something behind its end"),
    "another zip behind": (quoted, "has something behind its end"),
    "no package.json": (lambda: zipped([Entry(name=LOG)]), "'package.json' is missing: this is no package"),
    "symbolic link": (
        member(Entry(name=LOG, data=b"/etc/passwd", central=mode(0o120000))),
        "'logs/x.log' is a symbolic link",
    ),
    "link as a folder": (
        member(Entry(name="artifacts/out", data=b"../..", central=mode(0o120000))),
        "artifacts/out' is a symbolic link",
    ),
    "external data is a link": (
        lambda: relinked("artifacts/onnx/model.onnx.data", b"../../../../thesis.txt"),
        "'artifacts/onnx/model.onnx.data' is a symbolic link",
    ),
    "folder of external data is a link": (
        member(Entry(name="artifacts/onnx", data=b"../..", central=mode(0o120000))),
        "'artifacts/onnx' is a symbolic link",
    ),
    "pipe": (member(Entry(name=LOG, central=mode(0o010000))), "'logs/x.log' is a pipe"),
    "character device": (member(Entry(name=LOG, central=mode(0o020000))), "'logs/x.log' is a device"),
    "block device": (member(Entry(name=LOG, central=mode(0o060000))), "'logs/x.log' is a device"),
    "socket": (member(Entry(name=LOG, central=mode(0o140000))), "'logs/x.log' is a socket"),
    "folder by its mode": (member(Entry(name=LOG, central=mode(0o040000))), "'logs/x.log' is a folder"),
    "folder by MS-DOS": (member(Entry(name=LOG, central={"external": 0x10})), "'logs/x.log' is a folder or another"),
    "unknown system": (member(Entry(name=LOG, central={"made_by": 19 << 8})), "'logs/x.log' comes from system 19"),
    "hard link by an extra field": (
        member(Entry(name=LOG, central={"extra": struct.pack("<2HL", 0x756E, 4, 0)})),
        "'logs/x.log' has header fields that a package does not have",
    ),
    "another name in an extra field": (
        member(Entry(name=LOG, central={"extra": struct.pack("<2HBL", 0x7075, 7, 1, 0) + b"ab"})),
        "'logs/x.log' has header fields that a package does not have",
    ),
    "duplicate": (member(Entry(name="logs/onnx+openvino-ir.log")), "'logs/onnx.openvino-ir.log' is there twice"),
    "duplicate package.json": (
        lambda: packed(extra=[Entry(name="package.json", data=b"{}")]),
        "'package.json' is there twice",
    ),
    "another name where it lies": (
        member(Entry(name=LOG, local={"name": b"../x.lg"})),
        "'logs/x.log' has another name where it lies",
    ),
    "another name of equal length": (
        member(Entry(name=LOG, local={"name": b"../../x.sh"})),
        "'logs/x.log' has another name where it lies",
    ),
    "another size where it lies": (
        member(Entry(name=LOG, data=b"abc", local={"size": 2})),
        "'logs/x.log' has another size, CRC or method",
    ),
    "another method where it lies": (
        member(Entry(name=LOG, data=b"abc", local={"method": 8})),
        "'logs/x.log' has another size, CRC or method",
    ),
    "encrypted": (member(Entry(name=LOG, central={"flags": 1}, local={"flags": 1})), "'logs/x.log' is encrypted"),
    "sizes behind the data": (
        member(Entry(name=LOG, central={"flags": 8}, local={"flags": 8})),
        "'logs/x.log' has the flags 0x0008",
    ),
    "bzip2": (
        member(Entry(name=LOG, central={"method": 12}, local={"method": 12})),
        "is compressed with method 12",
    ),
    "compressed artifact": (
        member(Entry(name="artifacts/a/b", data=b"abc", method=8)),
        "'artifacts/a/b' is compressed, which artifacts",
    ),
    "name that is not UTF-8": (member(Entry(name=b"logs/\xff.log")), "has a name that is not UTF-8"),
    "name in no encoding": (member(Entry(name="logs/é.log", central={"flags": 0})), "has a name that is not UTF-8"),
    "comment": (member(Entry(name=LOG, central={"comment": b"hello"})), "'logs/x.log' has a comment"),
    "ratio bomb": (member(BOMB), "'logs/x.log' would become 50000000 bytes, more than 200 times"),
    "ratio bomb that lies": (
        member(Entry(name=LOG, data=bytes(50_000_000), method=8, central={"size": 60_000}, local={"size": 60_000})),
        "is not in the list",
    ),
    "bomb of package.json": (
        lambda: zipped([Entry(name="package.json", data=b" " * 3_000_000, method=8)]),
        "'package.json' would become",
    ),
    "package.json larger than it says": (
        lambda: zipped(
            [
                Entry(
                    name="package.json",
                    data=b" " * 9_000_000,
                    method=8,
                    central={"size": 60_000},
                    local={"size": 60_000},
                )
            ]
        ),
        "'package.json' becomes larger than it declares",
    ),
    "package.json smaller than it says": (
        lambda: zipped(
            [Entry(name="package.json", data=b"{}", method=8, central={"size": 60_000}, local={"size": 60_000})]
        ),
        "'package.json' is damaged: its size or CRC is another",
    ),
    "package.json that is no deflate": (
        lambda: zipped([Entry(name="package.json", data=b"\xff" * 99, central={"method": 8}, local={"method": 8})]),
        "'package.json' is damaged",
    ),
    "package.json cut off": (
        lambda: zipped(
            [Entry(name="package.json", data=b"", central={"method": 8, "size": 9}, local={"method": 8, "size": 9})]
        ),
        "'package.json' is cut off",
    ),
    "overlapping members": (overlapping, "'logs/1.log' overlaps another member|contradict|another size"),
    "huge declared size": (
        member(
            Entry(
                name=LOG,
                data=b"x",
                central={"size": 1 << 31, "stored": 1 << 31},
                local={"size": 1 << 31, "stored": 1 << 31},
            )
        ),
        "'logs/x.log' is longer than the file",
    ),
    "huger declared size": (
        member(
            Entry(
                name=LOG,
                data=b"x",
                central={
                    "size": 0xFFFFFFFF,
                    "stored": 0xFFFFFFFF,
                    "extra": struct.pack("<2H2Q", 1, 16, 1 << 60, 1 << 60),
                },
            )
        ),
        "'logs/x.log' has another size|'logs/x.log' has header fields",
    ),
    "two sizes": (member(Entry(name=LOG, data=b"x", central={"size": 9}, local={"size": 9})), "'logs/x.log' has two"),
    "zip64 field without use": (
        member(Entry(name=LOG, central={"extra": struct.pack("<2HQ", 1, 8, 1)})),
        "'logs/x.log' has header fields",
    ),
    "count bomb": (
        lambda: zipped([Entry(name=f"logs/{index}.log") for index in range(10_001)]),
        "has 10001 members; 1 to 10000",
    ),
    "count that lies": (lambda: packed(end={"count": 3}), "has more members than it says"),
    "larger count that lies": (lambda: packed(end={"count": 99}), "has fewer members than it says"),
    "second end": (lambda: zip64(3), "has two ends that contradict each other"),
    "directory elsewhere": (lambda: packed(end={"offset": 0}), "has something between its members and its end"),
    "directory with room": (lambda: packed(end={"size": 1 << 20}), "has something between its members and its end"),
    "gap": (
        lambda: zipped(
            [
                Entry(name="logs/a.log", local={"extra": bytes(99)}),
                Entry(name="package.json", data=manifest(with_files({}))),
            ]
        ),
        "'logs/a.log' has header fields",
    ),
}

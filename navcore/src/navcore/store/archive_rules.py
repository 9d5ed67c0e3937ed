"""What a `.nav` file may hold: names, numbers and sizes. Saving keeps the same rules, so what it writes is read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from navcore.errors import PackageFileError

__all__ = [
    "CHUNK",
    "MANIFEST",
    "MAX_MANIFEST_BYTES",
    "MAX_MEMBERS",
    "MAX_PATH_BYTES",
    "MAX_RATIO",
    "check_name",
    "check_names",
    "may_be_compressed",
    "refusal",
    "wrong_name",
    "wrong_path",
]

MANIFEST = "package.json"

CHUNK = 1 << 20
"""Bytes in memory at a time: larger pieces copied no faster (measured, 1 to 16 MiB on an NVMe disk)."""

MAX_MEMBERS = 10_000
"""More files than models have parts (a SavedModel, or sharded weights: hundreds); each costs a system call."""

MAX_MANIFEST_BYTES = 16 << 20
"""Bytes of `package.json`; with a hundred trials and all their samples it has about 4 MiB."""

MAX_RATIO = 200
"""Size over compressed size. JSON and logs reach 20; a bomb made by deflate alone, 1000."""

MAX_PATH_BYTES = 1024
"""UTF-8 bytes of a name; 260 is what Windows opens by default, 4096 what Linux does."""

_MAX_COMPONENT_BYTES = 255  # of most file systems

_SAMPLE = re.compile(r"samples/(inputs|outputs)/(0|[1-9][0-9]{0,6})-(0|[1-9][0-9]{0,4})\.npy")
_FLAT = re.compile(r"(logs/[^/]+\.log|reproduce/[^/]+)")
_MARKS = " ._+-=@,()"
_DEVICES = frozenset(
    {"aux", "clock$", "con", "conin$", "conout$", "nul", "prn"}
    | {f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"}
)


def refusal(where: Path | str, member: str, why: str) -> PackageFileError:
    """Return the error for a file that is not opened: which one, which member of it, and why."""
    cause = f"{where}: {_shown(member)} {why}" if member else f"{where} {why}"
    return PackageFileError(cause, "get the file again from where it comes from; do not use this one")


def wrong_name(name: str) -> str:
    """Return why a member may not have this name, as the end of a sentence; empty where it may."""
    if wrong := wrong_path(name):
        return wrong
    if name == MANIFEST or _SAMPLE.fullmatch(name) or _FLAT.fullmatch(name):
        return ""
    if name.startswith("artifacts/") and name.count("/") >= 1:
        return ""
    return "has a place in the package that nothing belongs to"


def wrong_path(name: str) -> str:
    """Return why a text is no path that is safe on every system, as the end of a sentence; empty where it is."""
    if not name or len(name.encode("utf-8", "replace")) > MAX_PATH_BYTES:
        return f"has a name that is empty or longer than {MAX_PATH_BYTES} bytes"
    if name.startswith("/"):
        return "is an absolute path"
    if not unicodedata.is_normalized("NFC", name):
        return "has a name that is not in Unicode's form NFC"
    for part in name.split("/"):
        if wrong := _wrong_part(part):
            return wrong
    return ""


def check_name(name: str, where: Path | str) -> None:
    """Refuse a member's name that is not safe on every system, or has no place in a package.

    Raises:
        PackageFileError: With the name and the reason.
    """
    if wrong := wrong_name(name):
        raise refusal(where, name, wrong)


def check_names(names: Iterable[str], where: Path | str) -> None:
    """Refuse names that are one file or folder on some system, or a file that is a folder of another.

    Raises:
        PackageFileError: With the second of the two.
    """
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        key = _folded(name)
        if key in files:
            raise refusal(where, name, f"is there twice, or differs from {_shown(files[key])} in case only")
        files[key] = name
        parts = name.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folders.setdefault(_folded(folder), folder) != folder:
                raise refusal(where, name, f"lies in a folder that differs from {_shown(folders[_folded(folder)])}")
    for key in sorted(files.keys() & folders.keys()):
        raise refusal(where, files[key], "is a file and a folder")


def may_be_compressed(name: str) -> bool:
    """Return whether a member may be deflated: texts only, so that artifacts can be inspected where they lie."""
    return name == MANIFEST or name.startswith(("logs/", "reproduce/"))


def _wrong_part(part: str) -> str:
    if part in ("", ".", ".."):
        return "has a path that is not normalised"
    odd = next(
        (char for char in part if not (char.isalnum() or unicodedata.category(char)[0] == "M") and char not in _MARKS),
        None,
    )
    if odd is not None:
        return f"has the character {odd!a} in its name"
    if part[0] in " -=" or part[-1] in " .":
        return "has a name that begins with ' ', '-' or '=', or ends with ' ' or '.'"
    if len(part.encode("utf-8")) > _MAX_COMPONENT_BYTES:
        return f"has a name with a part longer than {_MAX_COMPONENT_BYTES} bytes"
    if part.split(".")[0].rstrip(" ").casefold() in _DEVICES:
        return "has the name of a device"
    return ""


def _folded(name: str) -> str:
    """Return what file systems that ignore case compare."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _shown(name: str) -> str:
    """Return a name for a message: on one line, without what a terminal would obey, and not endless."""
    text = ascii(name) if not name.isprintable() else repr(name)
    return text if len(text) <= 200 else f"{text[:200]}..."

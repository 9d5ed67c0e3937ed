"""`package.json`: its schema number, what older numbers become, and the record that it holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from navcore.domain import PackageStatus
from navcore.errors import UsageError, WorkspaceError
from navcore.store.strict_json import clean_texts, parse_strict
from navcore.store.structure import record_data, structured

__all__ = ["MIGRATIONS", "SCHEMA", "from_json", "migrated", "record_data", "record_from", "to_data", "to_json"]

SCHEMA = 1
"""Number of the layout of `package.json`.

1: 2026-11, first.
"""

MIGRATIONS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = MappingProxyType({})
"""From the data of schema n, without its number, to the data of schema n + 1; one for every n below SCHEMA.

It may not trust the types of anything in the data, and raises ValueError, TypeError or LookupError where they differ.
"""

_WRITER = "written_by"
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+!-]{0,40}")

Record = TypeVar("Record")


def record_from(data: Any, kind: type[Record]) -> Record:
    """Return the record that `record_data` described.

    Raises:
        ValueError: The data does not have the record's fields, or values of other types in them.
    """
    record: Record = structured(data, kind)
    return record


def to_data(status: PackageStatus) -> dict[str, Any]:
    """Return the record as JSON-ready data, with its schema number and the version of navcore first."""
    from importlib.metadata import version

    return {"schema": SCHEMA, _WRITER: f"navcore {version('navcore')}", **record_data(status)}


def to_json(status: PackageStatus) -> str:
    """Return the record as JSON text; floats that JSON does not have are written as `"inf"`, `"-inf"`, `"nan"`."""
    return json.dumps(to_data(status), indent=1, allow_nan=False) + "\n"


def from_json(
    text: str,
    where: str,
    *,
    error: type[UsageError] = WorkspaceError,
    fix: str = "run the optimisation again",
    own: bool = True,
) -> PackageStatus:
    """Return the record.

    Args:
        text: As `to_json` wrote it.
        where: Path of the file, for messages.
        error: What is raised.
        fix: Its fix where the text is damaged.
        own: Whether the text is from this machine. What a terminal would obey is taken out of a stranger's texts, and
            formats that navcore does not know count as code, whatever a stranger says about them.

    Raises:
        UsageError: The text is no JSON, of another schema, or does not have the record's fields: the `error` asked for.
    """
    try:
        data = parse_strict(text)
    except ValueError as problem:
        raise error(f"{where} is not JSON: {problem}", fix) from problem
    if not own:
        data = clean_texts(data)
    number = data.get("schema") if isinstance(data, dict) else None
    if type(number) is not int or not 1 <= number <= SCHEMA:
        raise error(*_other_schema(data, number, where))
    del data["schema"]
    try:
        if not isinstance(data.pop(_WRITER, ""), str):
            raise TypeError(f"{_WRITER} is not a text")
        status: PackageStatus = structured(migrated(data, number, SCHEMA, MIGRATIONS), PackageStatus, own=own)
    except (LookupError, TypeError, ValueError) as problem:
        raise error(f"{where} is damaged: {problem}", fix) from problem
    return status


def migrated(
    data: dict[str, Any],
    number: int,
    target: int,
    migrations: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]],
) -> dict[str, Any]:
    """Return data of one schema as data of a later one, one step after the other."""
    for step in range(number, target):
        data = migrations[step](data)
    return data


def _other_schema(data: Any, number: object, where: str) -> tuple[str, str]:
    """Return cause and fix: the file itself says which navcore wrote it, and that one can read it."""
    shown = ascii(number) if isinstance(number, str | int | float | None) else f"a {type(number).__name__}"
    writer = data.get(_WRITER) if isinstance(data, dict) else None
    version = writer.removeprefix("navcore ") if isinstance(writer, str) else ""
    known = type(number) is int and number > SCHEMA and _VERSION.fullmatch(version) is not None
    cause = f"{where} has schema {shown[:40]}; this navcore reads {SCHEMA}"
    if known:
        return f"{cause}, and navcore {version} wrote it", f"pip install 'navcore>={version}'"
    return cause, "pip install --upgrade navcore, or run again"

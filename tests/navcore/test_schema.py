"""`package.json`: every value has its type, every number its schema, every path its place."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from navcore.domain import Artifact, BuildResult, FileHash, Signature, Status
from navcore.errors import PackageFileError, WorkspaceError
from navcore.formats import Format, Risk
from navcore.store.schema import MIGRATIONS, SCHEMA, from_json, migrated, record_data, record_from, to_data, to_json
from navcore.store.strict_json import clean_texts, parse_strict

from ..hostile.packages import status  # noqa: TID252  # tests are no package that could be named

STRANGERS: tuple[Any, ...] = (None, True, 7, -1, 1.5, "text", [], [1], {}, {"a": 1})
NUMBERS = (int, float)


def places(data: Any, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    """Every place in the data at which there is a value."""
    yield path
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from places(value, *path, key)


def at(data: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        data = data[step]
    return data


DATA = to_data(status())
PLACES = list(
    {tuple("*" if isinstance(step, int) else step for step in path): path for path in places(DATA) if path}.values()
)
"""One for every field, however often it is there."""


def test_a_record_that_was_written_is_read_as_it_was() -> None:
    assert status() == from_json(to_json(status()), "here")


def test_a_record_that_was_read_is_written_as_it_was() -> None:
    assert to_json(status()) == to_json(from_json(to_json(status()), "here"))


def test_the_data_begins_with_schema_and_version() -> None:
    assert ["schema", "written_by"] == list(DATA)[:2]
    assert 1 == DATA["schema"] == SCHEMA
    assert DATA["written_by"].startswith("navcore ")


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_a_value_of_another_type_is_refused_wherever_it_stands(path: tuple[str | int, ...]) -> None:
    honest = at(DATA, path)
    taken = [stranger for stranger in STRANGERS if type(stranger) is not type(honest) and is_taken(path, stranger)]

    assert [] == [stranger for stranger in taken if not may_stand(stranger, honest, path)]


def is_taken(path: tuple[str | int, ...], stranger: Any) -> bool:
    """Whether the value is read; then it is the same value, and did not become something else."""
    data = copy.deepcopy(DATA)
    at(data, path[:-1])[path[-1]] = stranger
    try:
        found = at({**to_data(from_json(json.dumps(data), "here")), "written_by": stranger}, path)
    except WorkspaceError:
        return False
    assert path[-1] == "tolerance" or (stranger, isinstance(stranger, bool)) == (found, isinstance(found, bool))
    return True


def may_stand(stranger: Any, honest: Any, path: tuple[str | int, ...]) -> bool:
    """Whether the field has several types: it is optional, a number, a dimension, or the tolerance."""
    numbers = type(stranger) in NUMBERS and (type(honest) in NUMBERS or honest in ("inf", "-inf", "nan"))
    return stranger is None or honest is None or numbers or path[-1] == "tolerance" or "shape" in path[:-1]


@pytest.mark.parametrize("path", [path for path in PLACES if isinstance(at(DATA, path), dict)], ids=str)
def test_an_unknown_field_is_refused_wherever_it_stands(path: tuple[str | int, ...]) -> None:
    data = copy.deepcopy(DATA)
    at(data, path)["unknown"] = 1

    with pytest.raises(WorkspaceError, match=r"extra fields found \(unknown\)|is not a format"):
        from_json(json.dumps(data), "here")


def test_an_error_says_where_the_wrong_value_is() -> None:
    data = copy.deepcopy(DATA)
    data["builds"][1]["artifact"]["files"][0]["size_bytes"] = "12"

    with pytest.raises(
        WorkspaceError, match=r"'12' is not a whole number @ \$\.builds\[1\]\.artifact\.files\[0\]\.size_b"
    ):
        from_json(json.dumps(data), "here")


@pytest.mark.parametrize("number", [0, -1, SCHEMA + 1, 10**6, True, 1.0, "1", None, [1], {}])
def test_an_unknown_schema_is_refused(number: object) -> None:
    with pytest.raises(WorkspaceError, match=f"here has schema .*; this navcore reads {SCHEMA}"):
        from_json(json.dumps({**DATA, "schema": number}), "here")


def test_a_later_schema_says_which_navcore_reads_it() -> None:
    with pytest.raises(PackageFileError, match=r"has schema 9; this navcore reads 1, and navcore 2\.3 wrote") as error:
        from_json(json.dumps({**DATA, "schema": 9, "written_by": "navcore 2.3"}), "here", error=PackageFileError)

    assert "pip install 'navcore>=2.3'" == error.value.fix


def test_data_goes_through_every_migration_in_order() -> None:
    steps = {number: lambda data, number=number: {**data, "steps": (*data["steps"], number)} for number in (1, 2, 3)}

    assert {"steps": (2, 3)} == migrated({"steps": ()}, 2, 4, steps)
    assert {"steps": ()} == migrated({"steps": ()}, 4, 4, steps)


def test_there_is_a_migration_from_every_earlier_schema() -> None:
    assert list(range(1, SCHEMA)) == sorted(MIGRATIONS)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a//b", "a/./b", "", "a\\b", "C:/x", "a\0b"])
def test_a_recorded_path_stays_inside(path: str) -> None:
    artifact = Artifact(Format.ONNX, "artifacts/onnx/model.onnx", Signature((), ()), (FileHash("a/b", "0", 1),))
    build = BuildResult("onnx", "onnx", Status.OK, 1.0, artifact)

    for data in (
        record_data(attrs.evolve(build, artifact=attrs.evolve(artifact, path=path))),
        record_data(attrs.evolve(build, artifact=attrs.evolve(artifact, files=(FileHash(path, "0", 1),)))),
    ):
        with pytest.raises(ValueError, match="is not a relative, normalised path inside the workspace"):
            record_from(data, BuildResult)


def test_a_format_is_what_navcore_knows_it_to_be() -> None:
    claimed = {"name": "torchscript", "suffix": ".txt", "live": True, "risk": "data"}

    found = record_from(claimed, Format)

    assert (".pt", False, Risk.CODE) == (found.suffix, found.live, found.risk)


def test_a_strangers_format_counts_as_code() -> None:
    data = copy.deepcopy(DATA)
    data["trials"][0]["format"] = {"name": "strange", "suffix": ".x", "live": False, "risk": "data"}

    own, strange = (from_json(json.dumps(data), "here", own=own).trials[0].format.risk for own in (True, False))

    assert (Risk.DATA, Risk.CODE) == (own, strange)


def test_what_a_terminal_would_obey_is_taken_out_of_a_strangers_texts() -> None:
    data = copy.deepcopy(DATA)
    data["notices"] = ["a\x1b[2Jb\ud800\u202ec\n\td\x00é"]

    assert ("a\ufffd[2Jb\ufffd\ufffdc\n\td\ufffdé",) == from_json(json.dumps(data), "here", own=False).notices


def test_texts_are_cleaned_wherever_they_are() -> None:
    assert {"a": ["\ufffd", {"b": "\ufffd"}, 1, None]} == clean_texts({"a": ["\x07", {"b": "\x9b"}, 1, None]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 1}', "key 'a' twice"),
        ("[NaN]", "holds NaN"),
        ("[-Infinity]", "holds -Infinity"),
        ("[1e400]", "number 1e400, which is too large"),
        (f"[{'9' * 20}]", "whole number of 20 digits"),
        ("[" * 33 + "]" * 33, "more than 32 levels"),
        ("[" * 100_000, "more than 32 levels"),
        ("[1,]", "Illegal trailing comma|Expecting value"),
        ("", "Expecting value"),
        ("1 2", "Extra data"),
    ],
)
def test_json_has_one_meaning_or_none(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_strict(text)


def test_json_may_be_32_levels_deep() -> None:
    assert [] != parse_strict("[" * 32 + "]" * 32)

"""Valid packages, changed at random: read as they say, or refused with one of our errors, and never written elsewhere.

NAVCORE_FUZZ_CASES is the number of cases of each of the ways to change them; `nox -s fuzz` tries 27,000 in all.
"""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import navcore as nav
from navcore.cli.outcome import finish
from navcore.domain import PackageStatus
from navcore.errors import NavError
from navcore.report.contents import contents_page, held
from navcore.report.page import print_page
from navcore.store.archive_read import open_archive
from navcore.store.schema import to_data

from .conftest import snapshot
from .models import field, onnx, tensor
from .packages import CONTENTS, Entry, manifest, packed, status, with_files, zipped

CASES = int(os.environ.get("NAVCORE_FUZZ_CASES", "60"))
FUZZ = settings(
    max_examples=CASES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

NOTHING_INSTALLED = nav.load_plugins(installed=False)

VALID = packed()
END = len(VALID) - 22
DIRECTORY = int.from_bytes(VALID[-6:-2], "little")
DATA = to_data(status())
NASTY = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 10**19, 1.5, -0.0, 1e308, "", "nan", "inf", "-inf"),
    *("\x00", "\x1b[2J", "\ud800", "../x", "/etc/passwd", "C:\\x", "CON", "a" * 5000, "é", "ok", "failed", "onnx"),
    *([], {}, [[]], [None], [{}], {"a": 1}, [1, "x"], ["batch", -1], "__import__('os')", "artifacts/onnx/model.onnx"),
)
NUMBERS = st.integers(0, 2**32)


@pytest.fixture(scope="module")
def world() -> Any:
    """A folder around the target, on a file system that is fast if there is one."""
    fast = Path("/dev/shm")
    root = Path(tempfile.mkdtemp(prefix="navcore-fuzz-", dir=fast if os.access(fast, os.W_OK) else None))
    (root / "inner" / "work").mkdir(parents=True)
    (root / "thesis.txt").write_text("precious")
    yield root
    shutil.rmtree(root)


def check(world: Path, data: bytes) -> None:
    """Read a file in every way; what is not refused is what it says."""
    file, target = world / "inner" / "work" / "model.nav", world / "inner" / "work" / "target"
    file.write_bytes(data)
    before = snapshot(world)
    refusals = [refusal(file, lambda archive: archive.verify()), refusal(file, lambda archive: archive.extract(target))]
    if target.exists():
        with open_archive(file) as archive:
            listed = {found.path for found in archive.status.files}
            status_again = archive.status
        assert listed == {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
        assert [""] * 2 == refusals
        repr(status_again)
        shutil.rmtree(target)
    else:
        assert all(refusals)

    assert before == snapshot(world)


def refusal(file: Path, use: Callable[[Any], object]) -> str:
    """Return the error's text, or nothing where there is none; any other exception goes through."""
    try:
        with open_archive(file) as archive:
            use(archive)
    except NavError as error:
        told = error
    else:
        return ""
    assert told.fix
    assert str(told).encode("utf-8")
    return told.cause


def test_the_package_that_is_changed_is_valid(world: Path) -> None:
    target = world / "inner" / "work" / "valid"
    (world / "inner" / "work" / "model.nav").write_bytes(VALID)

    assert "" == refusal(world / "inner" / "work" / "model.nav", lambda archive: archive.extract(target))

    shutil.rmtree(target)


@seed(1)
@FUZZ
@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_bytes_changed_anywhere(world: Path, changes: list[tuple[int, int]]) -> None:
    data = bytearray(VALID)
    for place, value in changes:
        data[place] = value

    check(world, bytes(data))


@seed(2)
@FUZZ
@given(st.lists(st.tuples(st.integers(DIRECTORY, len(VALID) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_bytes_changed_in_the_directory(world: Path, changes: list[tuple[int, int]]) -> None:
    data = bytearray(VALID)
    for place, value in changes:
        data[place] = value

    check(world, bytes(data))


@seed(3)
@FUZZ
@given(NUMBERS, NUMBERS, st.binary(max_size=40), st.sampled_from(("cut", "insert", "double", "drop")))
def test_pieces_cut_doubled_or_dropped(world: Path, one: int, other: int, new: bytes, way: str) -> None:
    start, end = sorted((one % len(VALID), other % len(VALID)))
    changed = {
        "cut": VALID[:end],
        "insert": VALID[:start] + new + VALID[start:],
        "double": VALID[:end] + VALID[start:],
        "drop": VALID[:start] + VALID[end:],
    }

    check(world, changed[way])


@seed(4)
@FUZZ
@given(st.lists(st.tuples(NUMBERS, st.sampled_from(NASTY), st.booleans()), min_size=1, max_size=3))
def test_values_of_the_results_changed(world: Path, changes: list[tuple[int, Any, bool]]) -> None:
    data = copy.deepcopy(DATA)
    for number, value, drop in changes:
        change(data, random.Random(number), copy.deepcopy(value), drop)

    check(world, packed(text=json.dumps(data).encode("ascii")))


def change(data: Any, chance: random.Random, value: Any, drop: bool) -> None:
    """Put a value in some place of the data, or take away what is there."""
    while True:
        keys = list(data) if isinstance(data, dict) else range(len(data))
        if not keys:
            return
        key = chance.choice(keys)
        if isinstance(data[key], dict | list) and data[key] and chance.random() < 0.85:
            data = data[key]
        elif drop:
            del data[key]
            return
        else:
            data[key] = value
            return


@seed(9)
@FUZZ
@given(st.lists(st.tuples(NUMBERS, st.sampled_from(NASTY), st.booleans()), min_size=1, max_size=2))
def test_what_is_read_can_be_loaded_and_shown(world: Path, changes: list[tuple[int, Any, bool]]) -> None:
    file, target = world / "inner" / "work" / "model.nav", world / "inner" / "work" / "target"
    data = copy.deepcopy(DATA)
    for number, value, drop in changes:
        change(data, random.Random(number), copy.deepcopy(value), drop)
    file.write_bytes(packed(text=json.dumps(data).encode("ascii")))
    before = snapshot(world)

    with contextlib.redirect_stdout(io.StringIO()) as shown:
        if not refusal(file, lambda archive: show_status(archive.status)):
            use_package(file, target)
        shutil.rmtree(target, ignore_errors=True)

    assert "\x1b" not in shown.getvalue()
    assert before == snapshot(world)


def show_status(found: PackageStatus) -> None:
    """Print what `nav show` prints of a package file."""
    print_page(lambda _: contents_page(found, "model.nav", 1, held(found, frozenset(), frozenset())), sys.stdout)
    for as_json in (False, True):
        with contextlib.suppress(typer.Exit):  # nothing works
            finish(found, Path("model.nav"), sys.stdout, as_json=as_json)


def use_package(file: Path, target: Path) -> None:
    """Do what users do with a package; an error of ours is an answer, any other goes through."""
    try:
        package = nav.package.load(file, target, registry=NOTHING_INSTALLED)
        print(package, package.unusable)
        package.get_best_runtime()
    except NavError as error:
        print(error)


@seed(5)
@FUZZ
@given(st.text(max_size=60) | st.sampled_from([text for text in NASTY if isinstance(text, str)]), st.booleans())
def test_names_of_any_letters(world: Path, name: str, listed: bool) -> None:
    contents = {**CONTENTS}
    raw = name.encode("utf-8", "surrogatepass")
    text = manifest(status())
    if listed:
        data = copy.deepcopy(DATA)
        data["files"].append({**data["files"][-1], "path": name})
        data["files"].sort(key=lambda file: file["path"])
        text = json.dumps(data).encode("ascii")

    check(world, packed(contents, text, [Entry(name=raw, data=CONTENTS["samples/outputs/0-0.npy"])]))


HEADER = st.fixed_dictionaries(
    {},
    optional={
        "flags": st.integers(0, 0xFFFF),
        "method": st.sampled_from((0, 8, 9, 12, 14, 93, 99)),
        "crc": NUMBERS.map(lambda value: value & 0xFFFFFFFF),
        "stored": st.integers(0, 0xFFFFFFFF),
        "size": st.integers(0, 0xFFFFFFFF),
        "offset": st.integers(0, len(VALID) * 2),
        "made_by": st.integers(0, 0xFFFF),
        "external": st.integers(0, 0xFFFFFFFF),
        "extra": st.binary(max_size=40),
        "comment": st.binary(max_size=8),
        "name": st.binary(min_size=1, max_size=30),
    },
)


@seed(6)
@FUZZ
@given(st.integers(0, len(CONTENTS)), HEADER, HEADER, st.permutations(range(len(CONTENTS) + 1)))
def test_headers_and_order_of_members_changed(
    world: Path, index: int, central: Mapping[str, Any], local: Mapping[str, Any], order: list[int]
) -> None:
    entries = [Entry(name=name, data=data) for name, data in sorted(CONTENTS.items())]
    entries.append(Entry(name="package.json", data=manifest(status()), method=8))
    entries[index].central.update(central)
    entries[index].local.update(local)

    check(world, zipped([entries[place] for place in order]))


@seed(7)
@FUZZ
@given(st.lists(st.sampled_from(sorted(CONTENTS)), min_size=2, max_size=6), st.booleans())
def test_members_swapped(world: Path, names: list[str], honest: bool) -> None:
    contents = {**CONTENTS}
    for one, other in itertools.pairwise(names):
        contents[one], contents[other] = contents[other], contents[one]

    check(world, packed(contents, None if honest else manifest(status())))


MAIN = "artifacts/onnx/model.onnx"
MODELS = {
    MAIN: onnx(
        field(1, field(4, "If") + field(5, field(6, field(5, tensor("v"))))) + field(15, field(1, tensor("s"))),
        tensor("w", {"location": "model.onnx.data", "offset": "0", "length": "16"}),
    ),
    **{path: CONTENTS[path] for path in ("artifacts/onnx+openvino-ir/model.xml", "samples/inputs/0-0.npy")},
}


@seed(8)
@FUZZ
@given(
    st.sampled_from(sorted(MODELS)),
    st.lists(st.tuples(NUMBERS, st.integers(0, 255) | st.binary(max_size=12)), min_size=1, max_size=4),
)
def test_models_and_samples_changed_in_a_package_that_knows(
    world: Path, path: str, changes: list[tuple[int, int | bytes]]
) -> None:
    data = bytearray(MODELS[path])
    for number, value in changes:
        place = number % len(data)
        data[place : place + 1] = bytes([value]) if isinstance(value, int) else value or b"\0"
    contents = {**CONTENTS, path: bytes(data)}

    check(world, packed(contents, manifest(with_files(contents))))

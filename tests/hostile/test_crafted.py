"""One crafted file per way in: each is refused by name, before a framework sees it, and leaves nothing behind."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from .cases_contents import CONTENT_CASES, JSON_CASES
from .cases_models import MODEL_CASES
from .cases_zip import NAMES, ZIPS
from .conftest import FRAMEWORKS, Refused, read_alone
from .packages import manifest, packed, status

CASES: Mapping[str, tuple[Callable[[], bytes], str]] = {
    f"{family}: {name}": case
    for family, cases in (
        ("name", NAMES),
        ("zip", ZIPS),
        ("content", CONTENT_CASES),
        ("JSON", JSON_CASES),
        ("model", MODEL_CASES),
    )
    for name, case in cases.items()
}

LIMIT_MB = 200


@pytest.mark.parametrize("case", CASES)
def test_a_crafted_file_is_refused_and_nothing_is_written(refused: Refused, case: str) -> None:
    build, message = CASES[case]

    refused(build(), message)


def test_the_file_that_the_crafted_ones_are_made_from_is_fine(tmp_path: Path) -> None:
    (tmp_path / "model.nav").write_bytes(packed())

    peak, frameworks, told = read_alone([tmp_path / "model.nav"], tmp_path / "target")

    assert ["nothing"] == told
    assert [] == frameworks
    assert peak < LIMIT_MB
    assert (tmp_path / "target" / "artifacts" / "onnx" / "model.onnx").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no resource.getrusage")
def test_no_crafted_file_makes_navcore_import_a_framework_or_take_200_mb(tmp_path: Path) -> None:
    files = []
    for index, (build, _) in enumerate(CASES.values()):
        files.append(tmp_path / f"{index}.nav")
        files[-1].write_bytes(build())

    peak, frameworks, told = read_alone(files, tmp_path / "target")

    assert ["PackageFileError"] == sorted(set(told))
    assert len(CASES) == len(told)
    assert [] == frameworks
    assert peak < LIMIT_MB
    assert len(FRAMEWORKS) == 6


FULL: Mapping[str, Callable[[Any], object]] = {
    "texts": lambda data: data.update(notices=[f"\N{GREEK CAPITAL LETTER OMEGA}{index}" for index in range(990_000)]),
    "numbers": lambda data: data["trials"][0]["measurements"][0].update(
        samples_ms=[1.5 + index for index in range(990_000)]
    ),
    "objects": lambda data: data.update(
        omissions=[{"subject": f"a{index}", "reason": f"b{index}", "fix": f"c{index}"} for index in range(199_000)]
    ),
}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no resource.getrusage")
@pytest.mark.parametrize("change", FULL)
def test_a_package_with_as_many_values_as_are_read_takes_less_than_200_mb(tmp_path: Path, change: str) -> None:
    (tmp_path / "model.nav").write_bytes(packed(text=manifest(status(), FULL[change])))

    peak, _, told = read_alone([tmp_path / "model.nav"], tmp_path / "target")

    assert ["nothing"] == told
    assert peak < LIMIT_MB

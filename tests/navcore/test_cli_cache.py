"""`nav cache`: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from navcore.cli import app
from navcore.domain import Failure, FailureKind, Signature
from navcore.store.cache import open_cache
from navcore.store.size import parse_size, size_text

Capture = pytest.CaptureFixture[str]
OLD, NEW, FAILED = ("a" * 64, "b" * 64, "c" * 64)


def nav(*arguments: str) -> object:
    """Run the command line in this process and return its exit code."""
    with pytest.raises(SystemExit) as caught:
        app(list(arguments), prog_name="nav")
    return caught.value.code or 0


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cache that is not there yet."""
    monkeypatch.setenv("NAVCORE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NAVCORE_CACHE_MAX_BYTES", "1MB")
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path / "cache"


@pytest.fixture
def filled(root: Path, tmp_path: Path) -> Path:
    """A cache with two artifacts of 10 kB and a failure, the last used of which is the failure."""
    cache = open_cache()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.onnx").write_bytes(bytes(10_000))
    for name, tool, route in ((OLD, "onnx", "onnx"), (NEW, "openvino-ir", "onnx/openvino-ir")):
        cache.store(name, tmp_path / "model", "model.onnx", Signature((), ()), tool=tool, route=route)
    cache.store_failure(FAILED, Failure(FailureKind.EXCEPTION, "no"), tool="torchscript", route="torchscript")
    for age, name in enumerate((FAILED, NEW, OLD)):
        os.utime(root / "entries" / name / "entry.json", (1_700_000_000 - age, 1_700_000_000 - age))
    return root


def test_an_empty_cache_is_told_and_not_made(root: Path, capsys: Capture) -> None:
    assert 0 == nav("cache", "list")
    assert f"0 entries, 0 B; at most 1 MB, in {root}" == " ".join(capsys.readouterr().out.split())
    assert not root.exists()


def test_list_has_the_least_recently_used_first_and_the_size_of_all(filled: Path, capsys: Capture) -> None:
    assert 0 == nav("cache", "list")
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]

    assert ["key", "tool", "route", "size", "last", "used"] == lines[0]
    assert [["aaaaaaaaaaaa", "onnx", "onnx"], ["bbbbbbbbbbbb", "openvino-ir", "onnx/openvino-ir"]] == [
        line[:3] for line in lines[2:4]
    ]
    assert ["cccccccccccc", "torchscript", "torchscript", "failure"] == lines[4][:4]
    assert ["3", "entries,"] == lines[5][:2]
    assert ["kB;", "at", "most", "1", "MB,", "in"] == lines[5][3:9]


def test_list_as_json(filled: Path, capsys: Capture) -> None:
    nav("cache", "list", "--json")
    found = json.loads(capsys.readouterr().out)

    assert (str(filled), 1_000_000) == (found["root"], found["max_bytes"])
    assert found["size_bytes"] == sum(entry["size_bytes"] for entry in found["entries"]) > 20_000
    assert [OLD, NEW, FAILED] == [entry["key"] for entry in found["entries"]]
    assert {"key", "tool", "route", "failed", "size_bytes", "last_used"} == set(found["entries"][0])


def test_gc_comes_down_to_the_size(filled: Path, capsys: Capture) -> None:
    assert 0 == nav("cache", "gc", "--max-size", "15kB")
    assert capsys.readouterr().out.startswith("removed 1 entry, 10.")
    assert [NEW, FAILED] == sorted(os.listdir(filled / "entries"))


def test_gc_keeps_what_fits_the_limit(filled: Path, capsys: Capture) -> None:
    assert 0 == nav("cache", "gc")
    assert capsys.readouterr().out.startswith("removed 0 entries, 0 B; 3 left, ")


def test_clear_removes_everything(filled: Path, capsys: Capture) -> None:
    assert 0 == nav("cache", "clear")
    assert capsys.readouterr().out.startswith("removed 3 entries, ")
    assert [] == os.listdir(filled / "entries")


@pytest.mark.parametrize("command", ["list", "gc", "clear"])
def test_a_foreign_folder_is_wrong_use_and_untouched(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    monkeypatch.setenv("NAVCORE_CACHE_DIR", str(tmp_path))

    assert 2 == nav("cache", command)
    assert "is not empty and not a cache of navcore" in capsys.readouterr().err
    assert ["thesis.txt"] == os.listdir(tmp_path)


def test_a_size_that_is_none_is_wrong_use(filled: Path, capsys: Capture) -> None:
    assert 2 == nav("cache", "gc", "--max-size", "lots")
    assert "error: --max-size='lots' is not a size\n  fix: give bytes" in capsys.readouterr().err
    assert 3 == len(os.listdir(filled / "entries"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("12b", 12), ("5GB", 5 * 10**9), ("1.5 GiB", 3 * 2**29), ("2k", 2000), ("1tib", 2**40)],
)
def test_sizes_are_read_with_their_units(text: str, expected: int) -> None:
    assert expected == parse_size(text, "size")


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, "0 B"), (532, "532 B"), (1500, "1.5 kB"), (999_960, "1 MB"), (20 * 10**9, "20 GB"), (10**16, "10000 TB")],
)
def test_sizes_are_written_with_one_decimal_at_most(size: int, expected: str) -> None:
    assert expected == size_text(size)

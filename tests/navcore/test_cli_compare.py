"""`nav compare`: what it prints and how it ends; see test_regression.py for what counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from navcore.cli import app
from navcore.domain import PackageStatus
from navcore.store.archive_write import write_archive
from navcore.store.workspace import Workspace, mark

from .run_toys import MACHINE, failed, measured, run, works

Capture = pytest.CaptureFixture[str]

SOURCE = works("torch", measured(1, 10.0), measured(8, 40.0), hops=0)
ONNX = works("onnx", measured(1, 5.0, source_ms=10.0), measured(8, 20.0, source_ms=40.0))
SLOW = works("onnx", measured(1, 5.0, source_ms=10.0), measured(8, 26.0, source_ms=40.0))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


def written(name: str, status: PackageStatus) -> str:
    write_archive(Path(name), status, {})
    return name


def compare(*arguments: str) -> object:
    """Run the command and return its exit code."""
    with pytest.raises(SystemExit) as caught:
        app(["compare", *arguments], prog_name="nav")
    return caught.value.code or 0


def compared(after: PackageStatus, *options: str) -> object:
    return compare(written("before.nav", run(SOURCE, ONNX)), written("after.nav", after), *options)


def last_line(capsys: Capture) -> str:
    return capsys.readouterr().out.rstrip().rpartition("\n")[2]


def test_the_same_or_better_is_exit_code_0(capsys: Capture) -> None:
    assert 0 == compared(run(SOURCE, ONNX))
    assert "same or better: onnx on Runner takes 1.00 times as long [0.98, 1.02] at batch size 1 at worst" == last_line(
        capsys
    )


def test_a_regression_is_exit_code_1(capsys: Capture) -> None:
    assert 1 == compared(run(SOURCE, SLOW))
    assert "regression: onnx on Runner takes 1.30 times as long [1.27, 1.33] at batch size 8" == last_line(capsys)


def test_what_nobody_can_tell_is_exit_code_2(capsys: Capture) -> None:
    other = tuple({**dict(MACHINE), "cpu.name": "Intel Xeon"}.items())

    assert 2 == compared(attrs.evolve(run(SOURCE, SLOW), environment=other))
    text = capsys.readouterr().out
    assert "can't tell: the machine is another one: cpu.name was 'AMD EPYC' and is 'Intel Xeon'" in text
    assert "regression: onnx on Runner takes 1.30 times" in text, "what it would be is told all the same"


def test_nothing_before_and_something_now_is_better(capsys: Capture) -> None:
    before = written("before.nav", run(failed("onnx")))

    assert 0 == compare(before, written("after.nav", run(ONNX)))
    assert "same or better: something works now, and nothing did before" == last_line(capsys)


def test_the_table_has_what_is_chosen_at_every_batch_size_and_the_others_at_their_quickest(capsys: Capture) -> None:
    compared(run(SOURCE, SLOW, failed("torchscript")))
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in lines if " on Runner " in line and "takes" not in line]

    assert [
        ["★", "onnx", "on", "Runner", "1", "5.00", "5.00", "1.00x", "[0.98,", "1.02]", "same"],
        ["★", "onnx", "on", "Runner", "8", "20.0", "26.0", "1.30x", "[1.27,", "1.33]", "slower"],
        ["torch", "on", "Runner", "1", "10.0", "10.0", "1.00x", "[0.98,", "1.02]", "same"],
        ["torchscript", "on", "Runner", "not", "tried", "failed"],
    ] == rows


def test_it_says_that_the_two_were_not_measured_side_by_side(capsys: Capture) -> None:
    compared(run(SOURCE, ONNX), "--tolerance-percent", "7.5")
    text = " ".join(capsys.readouterr().out.split())

    assert "The two were not measured side by side" in text
    assert "a difference of up to 7.5 % is taken for what the machine did between them." in text


def test_the_tolerance_is_in_percent() -> None:
    assert 0 == compared(run(SOURCE, SLOW), "--tolerance-percent", "40")


def test_another_choice_is_told_with_both(capsys: Capture) -> None:
    compared(run(SOURCE))

    text = capsys.readouterr().out
    assert "★  onnx on Runner, now torch on Runner" in text
    assert "onnx on Runner" in [line.strip().partition("  ")[0] for line in text.splitlines()], "not tried any more"


def test_json_has_the_answer_the_reasons_and_every_figure(capsys: Capture) -> None:
    noisy = works("onnx", measured(1, 5.0, source_ms=10.0), measured(8, 26.0, rounds=3))
    code = compared(run(SOURCE, noisy), "--json")
    data: dict[str, Any] = json.loads(capsys.readouterr().out)

    assert 2 == code == data["exit_code"]
    assert "can't tell" == data["answer"]
    assert data["verdict"].startswith("can't tell: onnx on Runner takes 1.30 times as long at batch size 8: only 3")
    assert 10.0 == data["tolerance_percent"]
    assert [("onnx on Runner", "can't tell")] == [(each["subject"], each["answer"]) for each in data["reasons"]]
    (choice,) = data["choices"]
    assert {"route": "onnx", "runner": "Runner"} == choice["before"] == choice["after"]
    assert [("same", True), ("can't tell", False)] == [
        (change["trend"], change["high"] is not None) for change in choice["changes"]
    ]
    assert [("torch", "ok"), ("onnx", "ok")] == [(trial["route"], trial["after"]) for trial in data["trials"]]


def test_a_workspace_is_as_good_as_a_file(folder: Path) -> None:
    (folder / "w").mkdir()
    mark(folder / "w")
    Workspace(folder / "w").write_status(run(SOURCE, SLOW))

    assert 1 == compare(written("before.nav", run(SOURCE, ONNX)), "w")


def test_a_damaged_file_is_told(folder: Path, capsys: Capture) -> None:
    (folder / "odd.nav").write_bytes(b"PK\5\6")

    assert 2 == compare("odd.nav", "odd.nav")
    assert capsys.readouterr().err.startswith("error: ")


def test_a_missing_file_is_told(capsys: Capture) -> None:
    assert 2 == compare("nowhere.nav", "nowhere.nav")
    assert "nowhere.nav" in capsys.readouterr().err

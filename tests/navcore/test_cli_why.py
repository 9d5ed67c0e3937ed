"""`nav why`: one route in full, with the end of its log."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

import navcore
from navcore.cli import app
from navcore.domain import Failure
from navcore.plugins import load_plugins
from navcore.store.log import end_of_log
from navcore.store.workspace import Workspace, read_status
from navcore.testing.toys import TOY_TOOLS, ToyExporter, ToyModel, ToyPlugin, ToyRunner, toy_samples

Capture = pytest.CaptureFixture[str]


def run(workspace: Path, *tools: object) -> navcore.Package:
    return navcore.optimize(
        ToyModel(),
        toy_samples(),
        workspace=workspace,
        registry=load_plugins(extra=[ToyPlugin(tools=tools)], installed=False),
        optimization_profile=navcore.OptimizationProfile(max_batch_size=1),
        quiet=True,
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Of a run in which the runner ToyNpz fails."""
    run(tmp_path / "w", *TOY_TOOLS[:3], ToyRunner(fault="call-raises"), *TOY_TOOLS[4:])
    return tmp_path / "w"


def why(*arguments: str) -> object:
    """Run the command and return its exit code."""
    with pytest.raises(SystemExit) as caught:
        app(["why", *arguments], prog_name="nav")
    return caught.value.code or 0


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_a_failed_trial_is_told_with_reason_tool_and_the_end_of_its_log(workspace: Path, capsys: Capture) -> None:
    code = why("toy-npz", str(workspace), "--runner", "ToyNpz")
    text = capsys.readouterr().out

    assert 0 == code
    assert text.startswith(
        "toy-npz on ToyNpz  failed: raised an error (exception)\n  why: RuntimeError: this toy cannot"
    )
    assert "  tool: ToyNpz\n" in text
    assert "logs/check-toy-npz-ToyNpz.log" in "".join(text.split())
    assert "\n    RuntimeError: this toy cannot run\n" in text
    assert "ToyJson" not in text


def test_a_trial_that_works_is_told_with_what_it_gave(workspace: Path, capsys: Capture) -> None:
    why("toy-npz/toy-json", str(workspace), "--runner", "ToyJson")
    text = squeezed(capsys.readouterr().out)

    assert text.startswith("toy-npz/toy-json on ToyJson ok tool: ToyJson load: ")
    assert " max error: exact output y: exact speed: " in text
    assert " memory: " in text
    assert " inf/s at batch size 1" in text


def test_without_a_runner_the_build_and_all_trials_are_told(workspace: Path, capsys: Capture) -> None:
    why("toy-npz/toy-json", str(workspace))
    text = squeezed(capsys.readouterr().out)

    assert text.startswith("toy-npz/toy-json (build) ok tool: toy-json took: ")
    assert " artifact: artifacts/toy-npz+toy-json/model.json (" in text
    assert " toy-npz/toy-json on ToyJson ok " in text


def test_a_build_that_failed_before_it_comes_first(tmp_path: Path, capsys: Capture) -> None:
    run(tmp_path / "w", ToyExporter(fault="raises"), *TOY_TOOLS[1:])
    why("toy-npz/toy-json", str(tmp_path / "w"), "--runner", "ToyJson")
    lines = [line for line in capsys.readouterr().out.splitlines() if line and not line.startswith(" ")]

    assert [
        "toy-npz (build)  failed: raised an error (exception)",
        "toy-npz/toy-json (build)  skipped: not tried: made from what failed (parent)",
        "toy-npz/toy-json on ToyJson  skipped: not tried: made from what failed (parent)",
    ] == lines


def test_what_the_plan_left_out_is_told(tmp_path: Path, capsys: Capture) -> None:
    run(tmp_path / "w", *TOY_TOOLS, ToyRunner(name="ToyMissing", missing="no driver; install it"))
    why("ToyMissing", str(tmp_path / "w"))

    assert "ToyMissing left out of the plan why: no driver fix: install it" == squeezed(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("expected", "arguments"),
    [
        ("no route named 'toy-npz/toy-jsn'", ("toy-npz/toy-jsn",)),
        ("did you mean 'toy-npz/toy-json'?", ("toy-npz/toy-jsn",)),
        ("to see what was tried", ("zzz",)),
        ("no runner on toy-npz named 'ToyNps'; known: ToyNpz", ("toy-npz", "--runner", "ToyNps")),
    ],
)
def test_an_unknown_name_lists_the_known_ones(
    expected: str, arguments: tuple[str, ...], workspace: Path, capsys: Capture
) -> None:
    code = why(arguments[0], str(workspace), *arguments[1:])

    assert 2 == code
    assert expected in capsys.readouterr().err


def test_only_the_last_lines_of_a_log_are_shown_and_none_can_write_over_the_terminal(
    workspace: Path, capsys: Capture
) -> None:
    log = workspace / "logs/check-toy-npz-ToyNpz.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)) + "\x1b[2Jred \x1b[31mtext\x07\r\n")
    why("toy-npz", str(workspace), "--runner", "ToyNpz")
    shown = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("    ")]

    assert ["line 61", "line 62", "red text"] == [shown[0], shown[1], shown[-1]]
    assert 40 == len(shown)


def test_a_log_outside_of_the_workspace_is_not_read(workspace: Path, capsys: Capture) -> None:
    (workspace.parent / "secret.txt").write_text("the secret")
    status = read_status(workspace)
    bad = attrs.evolve(status.trials[1], failure=Failure("exception", "no", "", "../secret.txt"))
    Workspace(workspace).write_status(attrs.evolve(status, trials=(bad,)))
    why(bad.route, str(workspace), "--runner", bad.runner)

    assert "the secret" not in capsys.readouterr().out


def test_the_end_of_a_long_log_begins_with_a_whole_line(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("0123456789\n" * 10_000)
    end = end_of_log(tmp_path, "a.log")

    assert end is not None
    assert {"0123456789"} == set(end.splitlines())
    assert 60_000 < len(end) <= 65_536
    assert end_of_log(tmp_path, "") is None
    assert end_of_log(tmp_path, "b.log") is None

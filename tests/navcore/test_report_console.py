"""What is shown while a run goes on: where it goes, and that it neither breaks the run nor stays behind."""

from __future__ import annotations

import contextlib
import gc
import io

import pytest

from navcore.domain import (
    BatchMeasured,
    BuildResult,
    Event,
    Failure,
    Notice,
    PackageStatus,
    Request,
    RunFinished,
    RunStarted,
    Signature,
    Status,
    StepFinished,
    StepStarted,
    TensorSpec,
    TrialResult,
)
from navcore.formats import Format
from navcore.report.console import ConsolePlugin

SIGNATURE = Signature((TensorSpec("x", "float32", ("batch", 3)),), (TensorSpec("y", "float32", ("batch", 2)),), "batch")
STARTED = RunStarted("TinyNet", SIGNATURE, 2, (), "runs/one")
BUILT = StepFinished("build", "onnx", BuildResult("onnx", "onnx", Status.OK, 1.25))
FAILED = TrialResult(
    "onnx",
    Format.ONNX,
    "OnnxCPU",
    1,
    Status.FAILED,
    failure=Failure("exception", "no kernel for [Einsum]", log="logs/check.log"),
)
CHECKED = StepFinished("check", "onnx on OnnxCPU", FAILED)
FINISHED = RunFinished(
    PackageStatus(
        title="TinyNet",
        created="2026-01-01T00:00:00Z",
        source=Format.TORCH,
        signature=SIGNATURE,
        environment=(),
        request=Request(),
        samples=(),
        builds=(),
        trials=(FAILED,),
        omissions=(),
        choices=(),
        notices=(),
        duration_s=1.5,
    )
)
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(*events: Event, stderr: io.StringIO | None = None, **options: bool) -> tuple[str, str]:
    """Return what stderr and stdout got."""
    console = ConsolePlugin(stderr=stderr or io.StringIO(), stdout=io.StringIO(), **options)
    for event in events:
        console.nav_event(event)
    assert isinstance(console.stderr, io.StringIO)
    assert isinstance(console.stdout, io.StringIO)
    return console.stderr.getvalue(), console.stdout.getvalue()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


def test_where_there_is_no_terminal_each_finished_step_is_one_plain_line() -> None:
    stderr, _ = shown(STARTED, StepStarted("build", "onnx"), BUILT, StepStarted("check", "onnx on OnnxCPU"), CHECKED)

    assert [
        "optimizing TinyNet: x: float32[batch, 3] -> y: float32[batch, 2]",
        "2 steps, then measuring; workspace runs/one",
        "[1/2] build onnx: ok, 1.2 s",
        "[2/2] check onnx on OnnxCPU: failed: no kernel for [Einsum]",
    ] == stderr.splitlines()


def test_a_measured_batch_size_is_one_line() -> None:
    stderr, _ = shown(STARTED, BatchMeasured(4, ("a", "b"), 7), BatchMeasured(None, ("a",), 3))

    assert [
        "measured 2 candidates at batch size 4 in 7 rounds",
        "measured 1 candidate in 3 rounds",
    ] == stderr.splitlines()[2:]


def test_a_long_line_is_not_broken_where_there_is_no_terminal() -> None:
    stderr, _ = shown(STARTED, Notice("word " * 60))

    assert 3 == len(stderr.splitlines())


def test_notices_are_shown_as_they_come() -> None:
    assert "notice: the model was put to eval mode\n" in shown(STARTED, Notice("the model was put to eval mode"))[0]


def test_the_summary_goes_to_stdout_when_the_run_ends() -> None:
    before, after = shown(STARTED)[1], shown(STARTED, FINISHED)[1]

    assert "" == before
    assert "Nothing works" in after


def test_the_summary_can_be_left_to_somebody_else() -> None:
    assert "" == shown(STARTED, FINISHED, show_summary=False)[1]


def test_a_quiet_run_shows_nothing() -> None:
    quiet = RunStarted("TinyNet", SIGNATURE, 2, (), "runs/one", quiet=True)

    assert ("", "") == shown(quiet, Notice("hush"), StepStarted("build", "onnx"), BUILT, CHECKED, FINISHED)


def test_streams_are_those_from_before_a_step_redirected_them(capsys: pytest.CaptureFixture[str]) -> None:
    console = ConsolePlugin()
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        console.nav_event(STARTED)
        console.nav_event(FINISHED)
    captured = capsys.readouterr()

    assert "optimizing TinyNet" in captured.err
    assert "Nothing works" in captured.out


def test_a_terminal_gets_a_live_line_that_is_gone_in_the_end(terminal: Terminal) -> None:
    stderr, _ = shown(STARTED, StepStarted("build", "onnx"), BUILT, FINISHED, stderr=terminal)

    assert "0/2" in stderr
    assert "building onnx" in stderr
    assert "[1/2] build onnx" not in stderr
    assert stderr.rindex(HIDE_CURSOR) < stderr.rindex(SHOW_CURSOR)


def test_nothing_redraws_the_screen_while_something_is_timed(terminal: Terminal) -> None:
    console = ConsolePlugin(stderr=terminal, stdout=io.StringIO())
    console.nav_event(STARTED)
    ticking = []
    for kind in ("build", "check", "measure", "check"):
        console.nav_event(StepStarted(kind, "onnx"))
        assert console.display is not None
        assert console.display.live is not None
        ticking.append(console.display.live.live.auto_refresh)
    console.close()

    assert [True, True, False, True] == ticking


def test_the_cursor_comes_back_when_a_run_is_broken_off(terminal: Terminal) -> None:
    console = ConsolePlugin(stderr=terminal, stdout=io.StringIO())
    console.nav_event(STARTED)
    console.nav_event(StepStarted("build", "onnx"))
    del console
    gc.collect()

    assert terminal.getvalue().rindex(HIDE_CURSOR) < terminal.getvalue().rindex(SHOW_CURSOR)


def test_the_log_is_shown_with_the_workspace_so_that_it_can_be_opened() -> None:
    assert "log: runs/one/logs/check.log" in shown(STARTED, FINISHED)[1]

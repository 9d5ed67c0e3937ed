"""How commands say things: with options in place of the API's arguments."""

from __future__ import annotations

import pytest
import typer

from navcore.cli.outcome import errors_told, in_options, omissions_in_options, status_in_options
from navcore.domain import BuildResult, Failure, FailureKind, Omission, PackageStatus, Request, Signature, Status
from navcore.errors import UsageError
from navcore.formats import Format


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("pass --workspace <a new or empty folder>", "pass workspace=<a new or empty folder>"),
        ("--device cpu", "target_device=cpu"),
        ("install it, or pass --device cpu", "install it, or pass target_device='cpu'"),
        ("--max-hops 5", "max_hops=5"),
        ("--target-format onnx --target-format trt", "target_formats=('onnx', 'trt')"),
        ("--runner OnnxCPU", "runners=['OnnxCPU']"),
        ("run again with --resume", "run again with resume=True"),
        ("pass a larger --timeout, or leave this out", "pass a larger timeout_s, or leave this out"),
        ("pass a larger --memory-limit", "pass a larger memory_limit_bytes"),
        ("pass a larger --budget", "pass a larger budget_s"),
        ("pass --dataloader or --inputs", "pass dataloader=[sample, ...]"),
        ("a smaller --max-batch-size, or", "a smaller max_batch_size in the OptimizationProfile, or"),
        ("Pass --no-batching to say that this is meant", "Pass batching=False to say that this is meant"),
        ("see nav optimize --help for more", "see help(navcore.optimize) for more"),
        ("the workspace is a file; the runners and timeouts", "the workspace is a file; the runners and timeouts"),
    ],
)
def test_arguments_become_options(expected: str, text: str) -> None:
    assert expected == in_options(text)


def told(error: UsageError, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(typer.Exit), errors_told():
        raise error
    return capsys.readouterr().err


def test_an_error_is_told_in_options(capsys: pytest.CaptureFixture[str]) -> None:
    error = UsageError("nothing takes max_hops=1", "pass workspace=<a folder>")

    assert "error: nothing takes --max-hops 1\n  fix: pass --workspace <a folder>\n" == told(error, capsys)


def test_what_the_users_code_said_is_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    error = UsageError("net.py: TypeError: max_hops=1", "correct it")
    error.__cause__ = TypeError("max_hops=1")

    assert "error: net.py: TypeError: max_hops=1\n" in told(error, capsys)


def test_what_a_plan_left_out_is_told_in_options() -> None:
    omission = Omission("2 routes", "max_hops=4", "max_hops=5")

    assert (Omission("2 routes", "--max-hops 4", "--max-hops 5"),) == omissions_in_options([omission])


def test_fixes_and_notices_of_a_run_are_told_in_options() -> None:
    failure = Failure(FailureKind.BUDGET, "the tool said budget_s=3", "pass a larger budget_s")
    status = PackageStatus(
        title="net",
        created="2026-01-01T00:00:00Z",
        source=Format.ONNX,
        signature=Signature((), (), None),
        environment=(),
        request=Request(),
        samples=(),
        builds=(BuildResult("onnx", "onnx", Status.SKIPPED, 0.0, failure=failure),),
        trials=(),
        omissions=(),
        choices=(),
        notices=("Pass batching=False",),
        duration_s=1.0,
    )
    found = status_in_options(status)

    assert Failure(FailureKind.BUDGET, "the tool said budget_s=3", "pass a larger --budget") == found.builds[0].failure
    assert ("Pass --no-batching",) == found.notices

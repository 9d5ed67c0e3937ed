"""What the summary of a run says, at 80 and 120 columns, without colours."""

from __future__ import annotations

import io
import math

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from navcore.domain import (
    Agreement,
    BuildResult,
    Choice,
    Failure,
    Measurement,
    Omission,
    OutputAgreement,
    PackageStatus,
    Ratio,
    Request,
    SampleSummary,
    Signature,
    Status,
    TensorSpec,
    TrialResult,
)
from navcore.formats import Format
from navcore.report import figures
from navcore.report.results import results_table, rows
from navcore.report.summary import choices, summary, troubles

SIGNATURE = Signature((TensorSpec("x", "float32", ("batch", 3)),), (TensorSpec("y", "float32", ("batch", 2)),), "batch")
NO_GRAPH = Failure(
    "exception", "aten::diff has no ONNX equivalent in opset 20", "export with dynamo=True", "logs/onnx.txt"
)
NO_PARENT = Failure("parent", "onnx was not built")
WRONG = Failure("disagrees", "y[1, 0] of sample 2 is 0.31 off", "", "logs/scripted.txt")


def measured(batch: int, p50_ms: float, ratio: Ratio | None = None, noise: float = 0.01) -> Measurement:
    throughput = batch * 1000 / p50_ms
    return Measurement(batch, p50_ms, 0.1, p50_ms, p50_ms, p50_ms, p50_ms, throughput, noise, 50, (p50_ms,), ratio)


def agreement(max_abs: float, disagreement: str = "") -> Agreement:
    output = OutputAgreement("y", max_abs, max_abs, max_abs, 1.0, 90.0, 0.5, not disagreement)
    return Agreement((output,), 3, (1, 2), disagreement)


def works(route: str, runner: str, hops: int, *measurements: Measurement, max_abs: float = 1.2e-7) -> TrialResult:
    return TrialResult(route, Format.ONNX, runner, hops, Status.OK, agreement(max_abs), measurements)


def fails(route: str, runner: str, failure: Failure, status: Status = Status.FAILED) -> TrialResult:
    seen = agreement(0.31, failure.reason) if failure.kind == "disagrees" else None
    return TrialResult(route, Format.ONNX, runner, 1, status, seen, failure=failure)


SOURCE = works("torch", "TorchCPU", 0, measured(1, 16.31), measured(8, 100.0), max_abs=0.0)
FAST = works("openvino", "OpenVINOCPU", 1, measured(1, 12.34, Ratio(1.32, 1.28, 1.37)), measured(8, 80.0))
SAME = works(
    "torch-exportedprogram", "TorchExportedProgramCPU", 1, measured(1, 16.3, Ratio(1.0, 0.97, 1.02), noise=0.3)
)


def status_of(*trials: TrialResult, **changes: object) -> PackageStatus:
    choice = Choice("min-latency", FAST, FAST.measurements[0], "best score of 3")
    whole = PackageStatus(
        title="TinyNet",
        created="2026-01-01T00:00:00Z",
        source=Format.TORCH,
        signature=SIGNATURE,
        environment=(),
        request=Request(),
        samples=(SampleSummary((("x", (2, 3)),), 2), SampleSummary((("x", (1, 3)),), 1)),
        builds=(BuildResult("openvino", "openvino", Status.OK, 1.5),),
        trials=trials,
        omissions=(),
        choices=(choice,) if FAST in trials else (),
        notices=(),
        duration_s=41.0,
    )
    return attrs.evolve(whole, **changes)


def text_of(renderable: RenderableType, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def squeezed(text: str) -> str:
    """Undo wrapping: one space for every run of white space."""
    return " ".join(text.split())


def test_the_fastest_trial_comes_first_and_the_chosen_one_is_marked() -> None:
    found = rows(status_of(SOURCE, FAST, SAME))

    assert ["OpenVINOCPU", "TorchExportedProgramCPU", "TorchCPU"] == [row.runner for row in found]
    assert ["★", "", ""] == [row.mark for row in found]


def test_a_row_shows_the_shortest_latency_and_the_most_throughput_with_their_batch_sizes() -> None:
    (row,) = rows(status_of(FAST))

    assert ("1.2e-07", "12.3 @1", "100 @8") == (row.error, row.latency, row.throughput)


def test_speed_is_a_ratio_with_its_interval_or_a_tie_and_the_source_is_named() -> None:
    assert ["1.32x [1.28, 1.37]", "tie", "the source"] == [row.speed for row in rows(status_of(SOURCE, FAST, SAME))]


def test_a_noisy_measurement_is_marked() -> None:
    assert "~16.3 @1" == rows(status_of(SAME))[0].latency


def test_an_exact_output_is_called_exact() -> None:
    assert "exact" == rows(status_of(SOURCE))[0].error


def test_a_failed_trial_is_a_row_with_its_error_and_the_short_reason() -> None:
    row = rows(status_of(SOURCE, fails("torchscript", "TorchScriptCPU", WRONG)))[-1]

    assert ("✗", "TorchScriptCPU", "3.1e-01", "disagrees") == (row.mark, row.runner, row.error, row.speed)


def test_a_trial_whose_build_failed_says_so() -> None:
    build = BuildResult("onnx", "onnx", Status.FAILED, 0.1, failure=NO_GRAPH)
    row = rows(status_of(fails("onnx", "OnnxCPU", NO_PARENT, Status.SKIPPED), builds=(build,)))[0]

    assert ("-", "build failed") == (row.mark, row.speed)


def test_a_failed_build_without_trials_is_a_row() -> None:
    build = BuildResult("onnx", "onnx", Status.FAILED, 0.1, failure=NO_GRAPH)
    row = rows(status_of(SOURCE, builds=(build,)))[-1]

    assert ("✗", "onnx", "build failed") == (row.mark, row.route, row.speed)


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_longer_than_the_console_and_no_id_is_cropped(width: int) -> None:
    text = text_of(results_table(status_of(SOURCE, FAST, SAME), width), width)

    assert max(map(len, text.splitlines())) <= width
    for name in ("torch-exportedprogram", "TorchExportedProgramCPU", "1.32x [1.28, 1.37]", "12.3 @1"):
        assert name in text
    assert "…" not in text


def test_an_id_that_is_too_long_folds() -> None:
    long = "torch-exportedprogram/torch-aoti-with-a-name-that-goes-on-and-on"
    text = text_of(results_table(status_of(attrs.evolve(FAST, route=long)), 80), 80)
    squashed = "".join(text.split())
    for cell in ("1.2e-07", "12.3@1", "100@8", "1.32x[1.28,1.37]"):
        squashed = squashed.replace(cell, "")

    assert f"{long}OpenVINOCPU" in squashed


def test_every_failure_is_listed_with_reason_fix_and_log() -> None:
    failed = BuildResult("onnx", "onnx", Status.FAILED, 0.1, failure=NO_GRAPH)
    text = squeezed(text_of(summary(status_of(SOURCE, builds=(failed,)), 80, "runs/one"), 80))

    assert (
        "Raised an error onnx (build) aten::diff has no ONNX equivalent in opset 20 fix: export with dynamo=True "
        "log: runs/one/logs/onnx.txt" in text
    )


def test_what_was_skipped_for_the_same_reason_is_listed_once() -> None:
    skipped = [fails("onnx", runner, NO_PARENT, Status.SKIPPED) for runner in ("OnnxCPU", "OnnxCUDA")]
    (trouble,) = troubles(status_of(*skipped, builds=()))

    assert "Not tried: made from what failed" == trouble.heading
    assert ("onnx on OnnxCPU", "onnx on OnnxCUDA") == trouble.subjects


def test_failures_are_grouped_by_kind_and_what_was_not_tried_comes_last() -> None:
    memory = Failure("out-of-memory", "memory ran out")
    found = troubles(
        status_of(
            fails("a", "A", NO_PARENT, Status.SKIPPED),
            fails("b", "B", memory),
            fails("c", "C", WRONG),
            fails("d", "D", memory),
            builds=(),
        )
    )

    assert [
        ("Out of memory", ("b on B", "d on D")),
        ("Disagrees with the source", ("c on C",)),
        ("Not tried: made from what failed", ("a on A",)),
    ] == [(trouble.heading, trouble.subjects) for trouble in found]


def test_omissions_and_notices_are_listed() -> None:
    omission = Omission("TorchCUDA", "torch sees no CUDA device", "install a build of torch with CUDA")
    status = status_of(SOURCE, omissions=(omission,), notices=("the model was put to eval mode",))
    text = squeezed(text_of(summary(status, 80), 80))

    assert "Left out TorchCUDA torch sees no CUDA device fix: install a build of torch with CUDA" in text
    assert "Notice: the model was put to eval mode" in text


def test_brackets_in_a_reason_are_not_taken_for_markup() -> None:
    reason = Failure("exception", "list index [bold] out of [/range]")
    text = text_of(summary(status_of(fails("onnx", "OnnxCPU", reason)), 80), 80)

    assert "list index [bold] out of [/range]" in text


def test_the_choice_is_one_sentence_with_strategy_and_reason() -> None:
    expected = (
        "★ openvino on OpenVINOCPU, chosen by min-latency: best score of 3 "
        "(12.3 ms, 81.0 inf/s at batch size 1, against the source 1.32x [1.28, 1.37])."
    )

    assert (expected,) == choices(status_of(SOURCE, FAST))


def test_nothing_works_is_said() -> None:
    (sentence,) = choices(status_of(fails("onnx", "OnnxCPU", WRONG)))

    assert sentence.startswith("Nothing works: no trial ran, agreed with the source and was measured.")


def test_reasons_are_above_only_where_there_are_some() -> None:
    (failed,) = choices(status_of(fails("onnx", "OnnxCPU", WRONG)))
    (empty,) = choices(status_of(builds=()))

    assert failed.endswith("The reasons are above.")
    assert empty == (
        "Nothing was tried: no runner that was asked for takes the source or a format made from it. "
        "Run `nav plugins` to see what runs which format."
    )


def test_an_empty_plan_that_says_why_points_to_it() -> None:
    (sentence,) = choices(status_of(builds=(), omissions=(Omission("OnnxCPU", "runs onnx"),)))

    assert sentence.startswith("Nothing was tried: ")
    assert sentence.endswith("The reasons are above.")


def test_a_model_without_batch_axis_shows_no_batch_size() -> None:
    single = attrs.evolve(measured(1, 5.0), batch_size=None)

    assert "5.00" == rows(status_of(works("torch", "TorchCPU", 0, single)))[0].latency


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        ("0.00", 0.0),
        ("0.0123", 0.01234),
        ("1.23", 1.234),
        ("12.3", 12.34),
        ("123", 123.4),
        ("12,345", 12345.0),
        ("123k", 123456.0),
    ],
)
def test_numbers_have_three_figures(expected: str, value: float) -> None:
    assert expected == figures.number(value)


@given(st.floats(min_value=0, max_value=1e12) | st.just(math.inf))
def test_a_number_keeps_its_value_to_half_a_percent(value: float) -> None:
    text = figures.number(value).replace(",", "").replace("k", "e3").replace("M", "e6")

    assert value == float(text) or math.isclose(value, float(text), rel_tol=0.0051)


@pytest.mark.parametrize(("expected", "value"), [("0.31 s", 0.314), ("41 s", 41.2), ("2 min 5 s", 125.0)])
def test_durations_read_as_people_say_them(expected: str, value: float) -> None:
    assert expected == figures.seconds(value)

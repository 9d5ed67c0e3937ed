"""The table of speed against accuracy."""

from __future__ import annotations

import math

import attrs
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from navcore.domain import Agreement, Measurement, OutputAgreement, PackageStatus, Ratio, Status, TrialResult
from navcore.formats import Format
from navcore.report.pareto import pareto_table, points

from .test_report_noise import EMPTY


def trial(runner: str, per_s: float, snr_db: float, precision: str | None = None, hops: int = 1) -> TrialResult:
    ms = 1000 / per_s
    ratio = None if hops == 0 else Ratio(2.0, 1.9, 2.1)
    found = Measurement(None, ms, 0, ms, ms, ms, ms, per_s, 0.0, 10, (ms,), ratio)
    output = OutputAgreement("y", 0.0, 0.0, 0.0, 1.0, snr_db, 1.0, within=True)
    agreement = Agreement((output,), 1, ())
    return TrialResult(
        "onnx", Format.ONNX, runner, hops, Status.OK, agreement, measurements=(found,), precision=precision
    )


def status_of(*trials: TrialResult, metric: float | None = None) -> PackageStatus:
    return attrs.evolve(EMPTY, trials=trials, metric=metric)


SOURCE = trial("Torch", 100, math.inf, hops=0)
PLAIN = trial("Onnx", 150, 130)
BRAIN = trial("Onnx-bf16", 300, 50, "bf16")
HALF = trial("Onnx-fp16", 140, 70, "fp16")
EIGHT = trial("Onnx-int8", 600, 30, "int8")


def text(status: PackageStatus) -> str:
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115  # closed with the process
    console.print(pareto_table(status))
    return console.export_text()


def test_there_is_no_table_where_nothing_lowers_the_precision() -> None:
    assert pareto_table(status_of(SOURCE, PLAIN)) is None


def test_each_precision_has_its_fastest_and_those_that_no_other_beats_are_marked() -> None:
    slow = trial("Other-bf16", 120, 40, "bf16")
    found = points(status_of(SOURCE, PLAIN, BRAIN, HALF, EIGHT, slow))

    assert [
        ("Onnx-int8", True),
        ("Onnx-bf16", True),
        ("Onnx", True),
        ("Onnx-fp16", False),
        ("Torch", True),
    ] == [(point.trial.runner, point.best) for point in found]


def test_the_table_gives_speed_against_the_source_and_accuracy() -> None:
    shown = text(status_of(SOURCE, BRAIN))

    assert "SNR dB" in shown
    assert ["●", "bf16", "onnx", "on", "Onnx-bf16", "300", "3.00", "50"] == shown.splitlines()[-2].split()
    assert "exact" in shown


def test_the_users_metric_is_the_accuracy_where_there_is_one() -> None:
    status = status_of(SOURCE, attrs.evolve(BRAIN, metric=0.89), metric=0.9)
    shown = text(status)

    assert [0.89, 0.9] == [point.accuracy for point in points(status)]
    assert "metric" in shown
    assert "SNR" not in shown


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=8))
def test_the_marked_are_those_that_nobody_beats_at_both(pairs: list[tuple[int, int]]) -> None:
    trials = [trial(f"r{index}", 10 * speed, 10 * snr, "bf16") for index, (speed, snr) in enumerate(pairs)]
    marked = {point.trial.runner for point in points(status_of(*trials)) if point.best}
    expected = {
        f"r{index}"
        for index, (speed, snr) in enumerate(pairs)
        if not any(a >= speed and b >= snr and (a, b) != (speed, snr) for a, b in pairs)
    }

    assert expected == marked

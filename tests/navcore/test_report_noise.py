"""What the summary says about the noise floor, and about what disturbed the measurements."""

from __future__ import annotations

import io

import attrs
import pytest
from rich.console import Console

from navcore.domain import NoiseFloor, PackageStatus, Ratio, Request, Signature, TensorSpec
from navcore.formats import Format
from navcore.report.summary import noise, summary

SIGNATURE = Signature((TensorSpec("x", "float32", ("batch", 3)),), (TensorSpec("y", "float32", ("batch", 2)),), "batch")
EMPTY = PackageStatus(
    title="TinyNet",
    created="2026-01-01T00:00:00Z",
    source=Format.TORCH,
    signature=SIGNATURE,
    environment=(),
    request=Request(),
    samples=(),
    builds=(),
    trials=(),
    omissions=(),
    choices=(),
    notices=(),
    duration_s=1.0,
)


def told(*floors: NoiseFloor) -> tuple[str, ...]:
    return noise(attrs.evolve(EMPTY, noise_floors=floors))


def text_of(status: PackageStatus) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    console.print(summary(status, 120))
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def test_without_pairs_nothing_is_said() -> None:
    assert () == told()
    assert "Noise floor" not in text_of(EMPTY)


def test_one_pair_is_told_with_its_interval() -> None:
    pair = NoiseFloor(8, "onnx on OnnxCPU", Ratio(1.0012, 0.9951, 1.0049))

    assert (
        "Noise floor: onnx on OnnxCPU at batch size 8, measured as if it were two, was 1.001 times as fast as itself "
        "[0.995, 1.005].",
    ) == told(pair)


def test_a_model_without_a_batch_has_no_batch_size_to_name() -> None:
    (sentence,) = told(NoiseFloor(None, "f on Python", Ratio(1.0, 1.0, 1.0)))

    assert sentence.startswith("Noise floor: f on Python, measured as if it were two, was 1.000 times")


@pytest.mark.parametrize(("value", "expected"), [(0.9, "batch size 2"), (1.05, "batch size 4")])
def test_of_several_the_furthest_from_one_is_told_on_either_side(value: float, expected: str) -> None:
    floors = [
        NoiseFloor(1, "a", Ratio(1.001, 0.99, 1.01)),
        NoiseFloor(2, "b", Ratio(value, value - 0.01, value + 0.01)),
        NoiseFloor(4, "c", Ratio(1.08, 1.07, 1.09)),
    ]
    (sentence,) = told(*floors)

    assert expected in sentence
    assert sentence.endswith("; at other batch sizes it was closer.")


def test_the_sentence_and_the_warnings_are_in_the_summary() -> None:
    warning = "other processes kept 0.7 CPUs busy while candidates were measured"
    pair = NoiseFloor(1, "a on A", Ratio(1.02, 1.01, 1.03))
    text = text_of(attrs.evolve(EMPTY, noise_floors=(pair,), notices=(warning, "second")))

    assert "Noise floor: a on A at batch size 1" in text
    assert f"Notice: {warning} Notice: second" in text

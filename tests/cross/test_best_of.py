"""The figures of benchmarks/best_of.py: what is compared with what, and which way round."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from best_of import BOUND, OURS, STATIC, figures, first_cause, interleaved

ROUNDS = 8


def test_ours_is_compared_with_the_hand_written_way_of_the_shortest_median() -> None:
    blocks = {OURS: [2.0] * ROUNDS, BOUND: [1.0] * ROUNDS, "eager": [4.0] * ROUNDS, "OpenVINO": [1.5] * ROUNDS}
    best = figures("onnx on OnnxCPU", 8, blocks, {})["best"]

    assert ["varying"] == list(best)
    assert "OpenVINO" == best["varying"]["way"]


def test_a_ratio_below_one_says_that_ours_is_slower() -> None:
    blocks = {OURS: [2.0] * ROUNDS, BOUND: [1.0] * ROUNDS, "OpenVINO": [1.5] * ROUNDS}
    ratios = figures("onnx on OnnxCPU", 8, blocks, {})["best"]["varying"]["ratios"]

    assert [0.75] * 3 == pytest.approx(ratios[OURS])
    assert [1.5] * 3 == pytest.approx(ratios[BOUND])


def test_ways_for_one_size_only_are_told_apart() -> None:
    blocks = {
        OURS: [2.0] * ROUNDS,
        BOUND: [2.0] * ROUNDS,
        "eager": [3.0] * ROUNDS,
        f"AOTInductor{STATIC}": [1.0] * ROUNDS,
    }
    best = figures("torch on TorchCPU", None, blocks, {})["best"]

    assert {"varying": "eager", STATIC: f"AOTInductor{STATIC}"} == {kind: each["way"] for kind, each in best.items()}


def test_every_way_runs_a_block_in_every_round() -> None:
    blocks = interleaved({"one": lambda: None, "other": lambda: None}, rounds=2)

    assert {"one": 2, "other": 2} == {name: len(values) for name, values in blocks.items()}


def test_the_reason_of_a_way_that_fails_is_its_first_cause() -> None:
    try:
        try:
            raise ValueError("first line\nsecond line")
        except ValueError as error:
            raise RuntimeError("what came of it") from error
    except RuntimeError as error:
        told = first_cause(error)

    assert "ValueError: first line" == told

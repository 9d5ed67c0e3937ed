"""The figures of benchmarks/best_of.py: what is compared with what, and which way round."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from best_of import STATIC, best_blocks, figures, interleaved, over_processes, show
from hand_case import WRITTEN, Case, once, ways_of
from hand_worker import BOUND, NATIVE, OURS, difference, disagreement, first_cause, our_steps

import nav_jax
from nav_jax.describe import describe
from navcore.contracts import Model
from navcore.domain import Names, Signature, TensorSpec
from navcore.errors import UsageError
from navcore.formats import Format

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


def test_each_half_of_the_rounds_is_compared_with_what_was_best_in_the_other() -> None:
    blocks = {"lucky first": [1.0, 3.0, 1.0, 3.0], "lucky then": [3.0, 2.0, 3.0, 2.0]}

    assert [3.0, 3.0, 3.0, 3.0] == best_blocks(blocks, list(blocks))
    assert [1.0] == best_blocks({"one": [1.0], "other": [2.0]}, ["one", "other"])


def test_like_is_compared_with_like(capsys: pytest.CaptureFixture[str]) -> None:
    slow, quick = [2.0] * ROUNDS, [1.0] * ROUNDS
    arrays = figures("a on A", 8, {OURS: slow, BOUND: quick, "eager": quick}, {})
    tensors = figures("b on B", 8, {OURS: slow, BOUND: quick, NATIVE: quick, "eager": quick}, {})
    show({"one": arrays, "other": tensors})

    shown = capsys.readouterr().out
    assert "0.500 [0.500, 0.500]  navcore, infer by eager, like for like" in shown
    assert "1.000 [1.000, 1.000]  navcore, native by eager, like for like" in shown
    assert 2 == shown.count("like for like")


def test_over_several_processes_a_way_is_the_best_by_its_median() -> None:
    times = [(1.0, 1.1), (3.0, 1.2), (1.4, 1.3)]  # the first is quickest once, and slowest twice
    told = [
        figures("a on A", size, {OURS: [2.0] * ROUNDS, "one": [one] * ROUNDS, "other": [other] * ROUNDS}, {})
        for size, (one, other) in zip((8, 16, 8), times, strict=True)
    ]
    found = over_processes(told)

    assert "16 / 8" == found["batch_size"]
    assert "other" == found["best"]["varying"]["way"]
    assert [0.6, 0.55, 0.65] == pytest.approx(found["best"]["varying"]["ratios"][OURS])


def test_a_way_that_worked_in_one_process_only_is_not_the_best_of_all() -> None:
    blocks = {OURS: [2.0] * ROUNDS, "one": [1.0] * ROUNDS}
    told = [figures("a on A", 8, {**blocks, "rare": [0.5] * ROUNDS}, {}), figures("a on A", 8, blocks, {})]

    assert "one" == over_processes(told)["best"]["varying"]["way"]


@pytest.mark.parametrize("has_tensors", [True, False])
def test_tensors_are_timed_where_the_runtime_takes_them(has_tensors: bool) -> None:
    class Told:
        def infer(self, feeds: Any) -> Any:
            return feeds

        def bind(self, feeds: Any) -> Any:
            return lambda: feeds

        def native(self, feeds: Any) -> Any:
            if not has_tensors:
                raise UsageError("no tensors", "use infer()")
            assert {"x": "1.0"} == feeds
            return feeds

    feeds = {"x": np.float32(1.0)}
    ours = our_steps(Told(), feeds, str)  # type: ignore[arg-type]  # all that it calls of a session

    assert {OURS: feeds, BOUND: feeds} | ({NATIVE: {"x": "1.0"}} if has_tensors else {}) == {
        name: step() for name, step in ours.items()
    }


def test_all_ways_of_a_process_read_the_same_memory() -> None:
    array = np.ones(3, np.float32)
    made = once(array, object)

    assert made is once(array, object)
    assert made is not once(array.copy(), object)


def test_ways_for_one_size_only_are_told_apart() -> None:
    blocks = {
        OURS: [2.0] * ROUNDS,
        BOUND: [2.0] * ROUNDS,
        "eager": [3.0] * ROUNDS,
        f"AOTInductor{STATIC}": [1.0] * ROUNDS,
    }
    best = figures("torch on TorchCPU", None, blocks, {})["best"]

    assert {"varying": "eager", STATIC: f"AOTInductor{STATIC}"} == {kind: each["way"] for kind, each in best.items()}


def test_every_way_runs_a_block_in_every_round_after_its_warm_up() -> None:
    asked: list[tuple[str, int]] = []

    def block(name: str, ms: float) -> Callable[[int], float]:
        return lambda calls: asked.append((name, calls)) or ms

    blocks = interleaved({"quick": block("quick", 1.0), "slow": block("slow", 500.0)}, rounds=2)

    assert {"quick": [1.0] * 2, "slow": [500.0] * 2} == blocks
    assert [1, 1, 1, 100, 100] == [calls for name, calls in asked if name == "quick"]
    assert [1] * 5 == [calls for name, calls in asked if name == "slow"]


def test_a_way_that_gives_something_else_does_not_count() -> None:
    ones = np.ones((2, 3), np.float32)

    assert "" == difference([ones], [ones])
    assert "gives 2 outputs, and the module gives 1" == difference([ones], [ones, ones])
    assert "disagrees with the module: output 'output 0'" in difference([ones], [ones * 2])


def test_the_reason_of_a_way_that_fails_is_its_first_cause() -> None:
    try:
        try:
            raise ValueError("first line\nsecond line")
        except ValueError as error:
            raise RuntimeError("what came of it") from error
    except RuntimeError as error:
        told = first_cause(error)

    assert "ValueError: first line" == told


@pytest.mark.parametrize("framework", WRITTEN)
def test_the_ways_of_every_framework_have_one_that_the_others_have_to_agree_with(framework: str) -> None:
    ways = ways_of(framework)

    assert "eager" in ways.WAYS
    assert {*ways.EXPORTS, *ways.ONE_SIZE} < set(ways.WAYS)


def test_every_hand_written_way_of_jax_agrees_with_the_function_at_other_sizes_too(tmp_path: Path) -> None:
    pytest.importorskip("jax2onnx", reason="two ways start from ONNX: pip install 'nav-jax[onnx]'")
    model = nav_jax.JaxModel(lambda params, x: {"y": np.float32(2) * x @ params}, np.eye(3, dtype=np.float32))
    first, second = (describe(model, np.ones((size, 3), np.float32), Names((), ())) for size in (2, 5))
    signature = Signature((TensorSpec("input__0", "float32", ("batch", 3)),), (), "batch")
    ways = ways_of("jax")
    case = Case(
        module=model,
        model=Model(format=Format.JAX, signature=signature, call=first.call),
        feeds=first.inputs,
        folder=tmp_path,
    )
    prepared = {name: way(case) for name, way in ways.WAYS.items()}

    assert dict.fromkeys(ways.WAYS, "") == {
        name: disagreement(ways, prepare, case, [second.inputs]) for name, prepare in prepared.items()
    }

"""Artifacts are run at sizes that no sample has; what was baked in is an error that names the size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nav_torch.export_error import ExportError
from nav_torch.proof import difference, prove, prove_other_values
from nav_torch.sizes import ordered_examples, other_sizes, resized
from navcore.contracts import Model, Tensors
from navcore.domain import Range, Signature, TensorSpec
from navcore.formats import Format

SIGNATURE = Signature(
    (TensorSpec("x", "float32", ("batch", "length")),), (TensorSpec("y", "float32", ("batch", "length")),), "batch"
)


def ones(batch: int, length: int) -> Tensors:
    return {"x": np.ones((batch, length), np.float32)}


EXAMPLES = (ones(2, 8), ones(4, 16))


def double(feeds: Tensors) -> Tensors:
    return {"y": feeds["x"] * 2}


def refusing(refused: Callable[[int, int], bool]) -> Callable[[Tensors], Tensors]:
    """Doubles, and raises for some sizes."""

    def infer(feeds: Tensors) -> Tensors:
        if refused(*feeds["x"].shape):
            raise RuntimeError(f"no {feeds['x'].shape}\nand a listing")
        return double(feeds)

    return infer


def wrong(where: Callable[[int, int], bool]) -> Callable[[Tensors], Tensors]:
    """Doubles, and triples for some sizes."""
    return lambda feeds: {"y": feeds["x"] * (3 if where(*feeds["x"].shape) else 2)}


def test_an_artifact_that_is_right_everywhere_has_no_ranges() -> None:
    assert SIGNATURE == prove(SIGNATURE, EXAMPLES, double, double)


def test_what_torch_found_is_recorded_but_for_the_two_that_it_takes_for_granted() -> None:
    found = {"batch": Range("batch", 2, 63), "length": Range("length", 2)}
    proven = prove(SIGNATURE, EXAMPLES, double, double, found=found)

    assert (Range("batch", 1, 63),) == proven.ranges


@pytest.mark.parametrize("artifact", [wrong(lambda batch, _: batch == 1), refusing(lambda batch, _: batch == 1)])
def test_an_artifact_that_fails_at_one_is_good_from_two(artifact: Callable[[Tensors], Tensors]) -> None:
    assert (Range("batch", 2),) == prove(SIGNATURE, EXAMPLES, double, artifact).ranges


def test_a_source_that_takes_no_size_of_one_leaves_what_torch_found() -> None:
    source = refusing(lambda _, length: length == 1)
    proven = prove(SIGNATURE, EXAMPLES, source, double, found={"length": Range("length", 2)})

    assert (Range("length", 2),) == proven.ranges


def test_an_artifact_that_is_right_below_what_torch_found_is_good_for_that_too() -> None:
    assert () == prove(SIGNATURE, EXAMPLES, double, double, found={"batch": Range("batch", 16)}).ranges


@pytest.mark.parametrize("size", [1, 2, 3, 15])
def test_an_artifact_that_is_wrong_anywhere_below_is_not(size: int) -> None:
    artifact = wrong(lambda batch, _: batch == size)
    proven = prove(SIGNATURE, EXAMPLES, double, artifact, found={"batch": Range("batch", 16)})

    assert (Range("batch", 16),) == proven.ranges


def test_a_range_of_the_source_is_never_widened() -> None:
    narrow = Signature(SIGNATURE.inputs, SIGNATURE.outputs, "batch", (Range("batch", 2, 20),))
    proven = prove(narrow, EXAMPLES, double, double, found={"batch": Range("batch", 0, 10)})

    assert (Range("batch", 2, 10),) == proven.ranges


def test_a_batch_size_that_was_baked_in_is_named_with_what_happens_at_another() -> None:
    def baked(feeds: Tensors) -> Tensors:
        return {"y": np.resize(feeds["x"] * 2, (2, feeds["x"].shape[1]))}

    with pytest.raises(ExportError) as caught:
        prove(SIGNATURE, EXAMPLES[:1], double, baked)
    assert "batch size 2 was baked in: at 3 y is [2, 8] in place of [3, 8]" == caught.value.cause
    assert "take sizes from tensor.shape in forward" in caught.value.fix


def test_wrong_numbers_at_another_size_are_found() -> None:
    with pytest.raises(ExportError, match=r"batch size 2 was baked in: at 3 y is wrong"):
        prove(SIGNATURE, EXAMPLES, double, wrong(lambda batch, _: batch not in (2, 4)))


def test_another_dimension_is_named() -> None:
    with pytest.raises(ExportError, match=r"length size 8 was baked in: at 12 it raises RuntimeError: no \(4, 12\)"):
        prove(SIGNATURE, EXAMPLES, double, refusing(lambda _, length: length not in (8, 16)))


def test_where_it_cannot_be_run_at_all_no_size_is_blamed() -> None:
    with pytest.raises(ExportError, match=r"^it was made, and cannot be run: it raises RuntimeError: no \(2, 8\)\n"):
        prove(SIGNATURE, EXAMPLES, double, refusing(lambda *_: True))


def test_an_artifact_that_takes_some_other_size_is_not_baked_in() -> None:
    even = refusing(lambda batch, _: batch == 3)

    assert () == prove(SIGNATURE, EXAMPLES, double, even).ranges


def test_sizes_that_the_source_itself_refuses_say_nothing() -> None:
    fixed = refusing(lambda batch, length: batch not in (2, 4) or length not in (8, 16))

    assert SIGNATURE == prove(SIGNATURE, EXAMPLES, fixed, fixed)


def test_an_artifact_that_is_wrong_at_the_example_too_is_left_to_comparing() -> None:
    proven = prove(SIGNATURE, EXAMPLES, double, wrong(lambda *_: True))

    assert {"batch", "length"} == {each.dimension for each in proven.ranges}


def test_sizes_outside_of_what_torch_found_are_not_tried() -> None:
    artifact = refusing(lambda batch, _: batch > 4)
    proven = prove(SIGNATURE, EXAMPLES[:1], double, artifact, found={"batch": Range("batch", 2, 4)})

    assert (Range("batch", 1, 4),) == proven.ranges


def test_a_dimension_of_which_torch_found_one_size_was_baked_in() -> None:
    with pytest.raises(ExportError, match="batch size 2 was baked in: it takes 2 only"):
        prove(SIGNATURE, EXAMPLES, double, double, found={"batch": Range("batch", 2, 2)})


def test_a_frozen_branch_is_found_by_the_sign_of_the_inputs() -> None:
    with pytest.raises(ExportError, match=r"a branch that depends on values was frozen: .* y is wrong") as caught:
        prove_other_values(
            SIGNATURE, EXAMPLES, lambda feeds: {"y": np.abs(feeds["x"])}, lambda feeds: {"y": feeds["x"]}
        )
    assert "use torchscript-script" in caught.value.fix


@pytest.mark.parametrize(
    ("value", "how"), [(np.array(3), "k = 2"), (np.array([0], np.int32), r"k = 1"), (np.array(True), "k = False")]
)
def test_a_frozen_number_is_found_by_another_one(value: np.ndarray, how: str) -> None:
    signature = Signature((TensorSpec("k", str(value.dtype), value.shape),), SIGNATURE.outputs)
    with pytest.raises(ExportError, match=rf"was frozen: on the example with {how} y is wrong"):
        prove_other_values(
            signature,
            [{"k": value}],
            lambda feeds: {"y": feeds["k"].astype(np.float32)},
            lambda _feeds: {"y": value.astype(np.float32)},
        )


def test_inputs_without_a_sign_are_not_turned() -> None:
    calls: list[Tensors] = []
    prove_other_values(SIGNATURE, [{"x": np.ones((2, 8), np.int64)}], calls.append, calls.append)  # type: ignore[arg-type]

    assert [] == calls


@pytest.mark.parametrize(
    ("expected", "got", "reason"),
    [
        (np.ones(3), np.ones(3) * 1.001, "y is wrong"),
        (np.ones(3, np.float32), np.ones(3, np.float32) * 1.001, ""),
        (np.ones(3, np.float32), np.ones(3, np.float32) * 1.1, "y is wrong"),
        (np.array([np.nan, 1.0]), np.array([np.nan, 1.0]), ""),
        (np.array([np.inf, 1.0]), np.array([0.0, 1.0]), "y is wrong"),
        (np.arange(20), np.arange(20) % 19, ""),
        (np.arange(20), np.arange(20) % 4, "y is wrong"),
        (np.zeros(0), np.zeros(0), ""),
        (np.ones(2), np.ones((2, 1)), "y is [2, 1] in place of [2]"),
    ],
)
def test_what_counts_as_another_answer(expected: np.ndarray, got: np.ndarray, reason: str) -> None:
    assert reason == difference({"y": expected}, {"y": got})


def test_a_missing_output_is_named() -> None:
    assert "y is missing" == difference(double(ones(1, 1)), {})


@given(st.sampled_from(["batch", "length"]), st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1))
def test_other_sizes_are_no_sizes_of_examples(dimension: str, shapes: list[tuple[int, int]]) -> None:
    examples = [ones(*shape) for shape in shapes]
    axis = 0 if dimension == "batch" else 1
    sizes = other_sizes(dimension, SIGNATURE, examples)

    assert len(sizes) <= 2
    assert not {shape[axis] for shape in shapes} & set(sizes)
    for size in (1, *sizes):
        assert 1 <= size == resized(dimension, size, SIGNATURE, examples)["x"].shape[axis]


@pytest.mark.parametrize(
    ("lengths", "sizes"), [((32, 64), (48, 31)), ((8, 16, 24), (15, 7)), ((5, 6), (4,)), ((1, 2), ()), ((2, 9), (5,))]
)
def test_other_dimensions_get_a_size_between_or_below(lengths: tuple[int, ...], sizes: tuple[int, ...]) -> None:
    assert sizes == other_sizes("length", SIGNATURE, [ones(2, length) for length in lengths])


def test_the_example_to_export_with_has_no_size_of_one() -> None:
    examples = (ones(2, 1), ones(1, 8), ones(3, 8))
    model = Model(format=Format.ONNX, signature=SIGNATURE, examples=examples)

    assert [(3, 8), (2, 1), (1, 8)] == [feeds["x"].shape for feeds in ordered_examples(model)]
    assert examples[:2] == ordered_examples(Model(format=Format.ONNX, signature=SIGNATURE, examples=examples[:2]))

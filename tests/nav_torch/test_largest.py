"""Where a model ends is found by asking it, in few calls, and only where that tells something."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nav_torch.largest import largest_taken
from nav_torch.proof import prove
from navcore.contracts import Tensors
from navcore.domain import Range, Signature, TensorSpec

SIGNATURE = Signature(
    (TensorSpec("x", "float32", ("batch", "length")),), (TensorSpec("y", "float32", ("batch", "length")),), "batch"
)


def examples(*lengths: int) -> tuple[Tensors, ...]:
    return tuple({"x": np.ones((2, length), np.float32)} for length in lengths)


class Source:
    """Doubles what is of a good length, and counts its calls."""

    def __init__(self, good: Callable[[int], bool]) -> None:
        self.good, self.lengths = good, list[int]()

    def __call__(self, feeds: Tensors) -> Tensors:
        length = feeds["x"].shape[1]
        self.lengths.append(length)
        if not self.good(length):
            raise IndexError("index out of range in self")
        return {"y": feeds["x"] * 2}


@given(st.integers(9, 2000))
def test_the_end_is_found_exactly_and_in_few_calls(end: int) -> None:
    source = Source(lambda length: length <= end)

    assert end == largest_taken("length", SIGNATURE, examples(8, 9), source)
    assert len(source.lengths) <= 22


def test_a_model_without_an_end_has_no_largest_size() -> None:
    assert largest_taken("length", SIGNATURE, examples(8, 16), Source(lambda _: True)) is None


def test_sizes_keep_to_the_multiples_that_the_samples_have() -> None:
    source = Source(lambda length: length % 8 == 0 and length <= 100)

    assert 96 == largest_taken("length", SIGNATURE, examples(16, 24), source)
    assert {0} == {length % 8 for length in source.lengths}


def test_a_dimension_that_only_changes_with_another_tells_nothing() -> None:
    assert largest_taken("length", SIGNATURE, examples(16), Source(lambda length: length == 16)) is None


def test_a_slow_model_is_not_asked_for_long() -> None:
    now = iter(range(100))
    source = Source(lambda length: length <= 512)

    assert largest_taken("length", SIGNATURE, examples(16), source, clock=lambda: next(now)) is None
    assert [32] == source.lengths


def test_large_inputs_are_not_made_larger_still() -> None:
    source = Source(lambda length: length <= 2**22)

    assert largest_taken("length", SIGNATURE, examples(2**21), source) is None
    assert [] == source.lengths


@pytest.mark.parametrize(("ends", "ranges"), [(True, (Range("length", 1, 40),)), (False, ())])
def test_the_end_of_the_source_is_the_end_of_what_is_made_of_it(ends: bool, ranges: tuple[Range, ...]) -> None:
    source = Source(lambda length: length <= 40)
    proven = prove(SIGNATURE, examples(8, 16), source, lambda feeds: {"y": feeds["x"] * 2}, ends=ends)

    assert ranges == proven.ranges

"""What a sample may stand for, and which of that fits a function."""

from __future__ import annotations

import inspect
from collections import namedtuple
from typing import Any

import pytest

from navcore.arguments import argument_choices, first_that_binds

Pair = namedtuple("Pair", "left right")
PAIR = Pair(1, 2)


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (1, [((1,), {})]),
        ((1, 2), [((1, 2), {})]),
        ((1, {"y": 2}), [((1,), {"y": 2}), ((1, {"y": 2}), {})]),
        ({"x": 1, "z": 2}, [((), {"x": 1, "z": 2})]),
        ({"z": 2}, [((), {"z": 2}), (({"z": 2},), {})]),
        ({3: 2}, [(({3: 2},), {})]),
        (PAIR, [((1, 2), {}), ((PAIR,), {})]),
    ],
)
def test_choices_come_in_the_order_of_what_is_likely(sample: Any, expected: Any) -> None:
    assert expected == argument_choices(sample, ("x", "y"))


def test_the_first_that_binds_is_taken_and_the_first_reason_told() -> None:
    signature = inspect.signature(lambda x, y=0: None)

    assert ((1,), {"y": 2}) == first_that_binds(argument_choices((1, {"y": 2})), signature)
    with pytest.raises(TypeError, match="missing a required argument: 'x'"):
        first_that_binds(argument_choices({"y": 2}, ("x", "y")), signature)

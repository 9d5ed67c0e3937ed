"""The calls that compile are counted and timed."""

from __future__ import annotations

import numpy as np

from navcore.first_calls import FirstCalls


def test_each_combination_of_shapes_counts_once() -> None:
    first = FirstCalls()
    for size in (2, 2, 5):
        assert size == first.call(lambda arrays: len(arrays[0]), [np.ones((size, 3)), np.ones(4)])

    (note,) = first.notes()
    assert note.startswith("compiled 2 times, once for each shape; the calls that compiled took ")


def test_nothing_is_said_where_nothing_was_called() -> None:
    assert () == FirstCalls().notes()

"""Samples taken apart by nothing but a signature."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from navcore.domain import Signature, TensorSpec
from navcore.engine.by_signature import feeds_of
from navcore.errors import DataloaderError

TWO = Signature(
    (TensorSpec("ids", "int64", ("batch", "length")), TensorSpec("mask", "bool", ("batch", 3))),
    (TensorSpec("y", "float32", ("batch",)),),
    batch="batch",
)
IDS, MASK = np.zeros((2, 5), np.int64), np.ones((2, 3), bool)


@pytest.mark.parametrize(
    "sample", [{"mask": MASK, "ids": IDS}, (IDS, MASK), [IDS, (MASK,)], ((), {"a": IDS, "b": {"c": MASK}})]
)
def test_arrays_are_taken_by_name_or_in_order_however_they_are_nested(sample: Any) -> None:
    feeds = feeds_of(sample, TWO, 0)

    assert ["ids", "mask"] == list(feeds)
    assert feeds["ids"] is IDS
    assert feeds["mask"] is MASK


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ((IDS,), "sample 4 holds 1 arrays, and the inputs are ids, mask"),
        ((MASK, IDS), "sample 4 is bool for ids: int64"),
        ((IDS, MASK[:, :2]), r"sample 4 has shape \[2, 2\] for mask: bool\[batch, 3\]"),
        ((IDS, MASK[:1]), "sample 4 has batch sizes 1, 2"),
        ((IDS[:0], MASK[:0]), "sample 4 has batch sizes 0"),
        ((object(), MASK), "sample 4 is object for ids"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused(sample: Any, message: str) -> None:
    with pytest.raises(DataloaderError, match=message) as caught:
        feeds_of(sample, TWO, 4)

    assert caught.value.fix


def test_what_refuses_to_become_an_array_is_told() -> None:
    class OnGpu:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            raise TypeError("can't convert cuda:0 device type tensor to numpy")

    with pytest.raises(DataloaderError, match=r"holds a OnGpu for ids: .* that is no array: can't convert cuda"):
        feeds_of((OnGpu(), MASK), TWO, 0)

from __future__ import annotations

from collections import namedtuple
from typing import Any

import pytest
import torch
from torch import nn

from nav_torch.sample import arguments_of
from navcore.errors import DataloaderError

X = torch.ones(2)
Y = torch.zeros(2)
Pair = namedtuple("Pair", "left right")


class Named(nn.Module):
    def forward(self, x, mask=None, *, scale=1): ...


class OneDict(nn.Module):
    def forward(self, batch, **options): ...


class Anything(nn.Module):
    def forward(self, *values, **options): ...


@pytest.mark.parametrize(
    ("module", "sample", "arguments", "keywords"),
    [
        (Named(), X, (X,), {}),
        (Named(), (X,), (X,), {}),
        (Named(), [X, Y], (X, Y), {}),
        (Named(), (X, {"scale": 2}), (X,), {"scale": 2}),
        (Named(), (X, {}), (X,), {}),
        (Named(), {"x": X, "mask": Y}, (), {"x": X, "mask": Y}),
        (Named(), {"pixels": X}, ({"pixels": X},), {}),
        (Named(), ({"pixels": X}, {"scale": 2}), ({"pixels": X},), {"scale": 2}),
        (Named(), (X, {"pixels": Y}), (X, {"pixels": Y}), {}),
        (OneDict(), {"dense": X, "ids": Y}, ({"dense": X, "ids": Y},), {}),
        (OneDict(), {"batch": {"dense": X}}, (), {"batch": {"dense": X}}),
        (OneDict(), {0: X}, ({0: X},), {}),
        (Anything(), {"x": X}, (), {"x": X}),
        (Anything(), (X, Y, {"z": X}), (X, Y), {"z": X}),
    ],
)
def test_a_sample_becomes_arguments(module: nn.Module, sample: Any, arguments: Any, keywords: Any) -> None:
    assert (arguments, keywords) == arguments_of(module, sample)


@pytest.mark.parametrize(
    ("sample", "given"),
    [
        ((X, Y, X), "3 values"),
        (({"x": X}, X, Y), "3 values"),
        ({"x": X, "maks": Y}, "the keys x, maks"),
        ({"mask": Y}, "the keys mask"),
        ((), "0 values"),
    ],
)
def test_a_sample_that_does_not_fit_is_told_the_parameters(sample: Any, given: str) -> None:
    with pytest.raises(DataloaderError) as caught:
        arguments_of(Named(), sample)

    assert f"the sample gives {given}, but Named.forward takes (x, mask=None, *, scale=1)" in caught.value.cause
    assert "a dict whose keys are names of parameters" in caught.value.fix


def test_a_module_that_hides_its_parameters_is_given_the_sample_as_it_is() -> None:
    module = nn.Module()
    module.forward = torch.add  # made in C++, without a signature

    assert ((X, Y), {}) == arguments_of(module, (X, Y))
    assert ((), {"input": X, "other": Y}) == arguments_of(module, {"input": X, "other": Y})


def test_a_named_tuple_is_the_arguments_or_else_one_argument() -> None:
    class One(nn.Module):
        def forward(self, batch): ...

    pair = Pair(X, Y)

    assert ((X, Y), {}) == arguments_of(Named(), pair)
    assert ((pair,), {}) == arguments_of(One(), pair)

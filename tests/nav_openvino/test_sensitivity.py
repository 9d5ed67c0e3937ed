"""Which operators are left in floating point."""

import itertools
import time

import numpy as np
import openvino
import pytest
from openvino import opset13 as opset

from nav_openvino.sensitivity import OutputError, search

_LEVELS = {"coarse": 5, "fine": 255, "finer": 4001}
_EXAMPLES = ({"data": np.linspace(-1, 1, 64, dtype=np.float32)},)


@pytest.fixture
def quantised():
    """The sets of operators that were left out, in order; and what quantises a model of three products."""
    calls = []

    def quantise(left):
        calls.append(left)
        data = opset.parameter([64], dtype=np.float32, name="data")
        products = []
        for name, levels in _LEVELS.items():
            rounded = opset.fake_quantize(data, np.float32(-1), np.float32(1), np.float32(-1), np.float32(1), levels)
            product = opset.multiply(data if name in left else rounded, np.float32(3))
            for operator, called in ((rounded, f"{name}/rounded"), (product, name)):
                operator.set_friendly_name(called)
            products.append(product)
        model = openvino.Model([opset.concat(products, 0)], [data], "products")
        model.input(0).get_tensor().set_names({"data"})
        return model

    return calls, quantise


@pytest.fixture
def error(quantised):
    error = OutputError.of(quantised[1](tuple(_LEVELS)), _EXAMPLES)
    quantised[0].clear()
    return error


def test_what_is_close_enough_is_left_as_it_is(quantised, error):
    calls, quantise = quantised
    found = search(quantise, error, max_error=0.5, search_s=60)

    assert [()] == calls
    assert ((), True) == (found.left, 0.2 < found.error < 0.3)  # five levels between -1 and 1 are 0.5 apart


def test_the_operator_that_hurts_most_is_left_out_first(quantised, error):
    calls, quantise = quantised
    found = search(quantise, error, max_error=0.01, search_s=60)

    assert [(), ("coarse",)] == calls
    assert ("coarse",) == found.left
    assert "the outputs are off by up to 0.4% of their largest value; left in floating point: coarse" == str(found)


def test_no_more_than_half_is_left_out(quantised, error):
    calls, quantise = quantised
    search(quantise, error, max_error=0.0, search_s=60)

    assert [(), ("coarse",)] == calls


def test_without_time_nothing_is_searched(quantised, error):
    calls, quantise = quantised
    found = search(quantise, error, max_error=0.01, search_s=0)

    assert ([()], ()) == (calls, found.left)


def test_the_search_ends_with_its_time(quantised, error, monkeypatch):
    calls, quantise = quantised
    clock = itertools.count(step=10)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    found = search(quantise, error, max_error=0.01, search_s=35)

    assert ([()], ()) == (calls, found.left)


def _constant(values):
    data = opset.parameter([64], dtype=np.float32, name="data")
    model = openvino.Model([opset.constant(np.asarray(values))], [data], "constant")
    model.input(0).get_tensor().set_names({"data"})
    return model


@pytest.mark.parametrize(
    ("expected", "got", "error"),
    [
        (np.float32([1, -4]), np.float32([1, -3]), 0.25),
        (np.float32([0, 0]), np.float32([0, 2]), 2.0),
        (np.float32([np.inf, 2]), np.float32([np.inf, 1]), 0.5),
        (np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5]), 0.25),
        (np.float32([1, 2]), np.float32([1, np.nan]), np.inf),
        (np.float32([1, 2]), np.float32([1, 2, 3]), np.inf),
    ],
)
def test_an_error_is_relative_and_of_whole_numbers_the_share(expected, got, error):
    assert error == OutputError.of(_constant(expected), _EXAMPLES)(_constant(got))

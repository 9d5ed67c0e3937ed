"""Samples become calls, and results named arrays."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from nav_jax import JaxModel
from nav_jax.call import make_call
from navcore.domain import Names
from navcore.errors import DataloaderError

from .conftest import affine, encode, tokens

NAMES = Names((), ())
X = np.ones((2, 3), np.float32)


def nested(pair: Any, extra: Any, scale: float = 2.0) -> Any:
    return {"logits": pair[0] + pair[1] * scale, "parts": [extra["bias"], None]}


@pytest.mark.parametrize(
    ("sample", "names"),
    [
        (X, ("input__0",)),
        ((X,), ("input__0",)),
        ([X], ("input__0",)),
        ({"x": X}, ("x",)),
        (({"x": X},), ("x",)),
        (jnp.asarray(X), ("input__0",)),
    ],
    ids=["array", "tuple", "list", "dict", "tuple of a dict", "array of JAX"],
)
def test_samples_of_every_kind_are_calls(params: Any, sample: Any, names: tuple[str, ...]) -> None:
    call, inputs = make_call(JaxModel(affine, params), sample, NAMES)
    arguments, keywords = call.arguments(inputs.values())

    assert names == call.inputs == tuple(inputs)
    np.testing.assert_allclose(affine(X, params), affine(*arguments, **keywords, params=params))


def test_nested_arrays_are_named_by_their_keys_and_numbers_are_constants() -> None:
    sample = ((X, X), {"extra": {"bias": X}, "scale": 3.0})
    call, inputs = make_call(JaxModel(nested), sample, NAMES)
    arguments, keywords = call.arguments(inputs.values())
    outputs = call.named_outputs(nested(*arguments, **keywords))

    assert ("input__0", "input__1", "extra__bias") == call.inputs
    assert ["logits", "parts__0"] == list(outputs)
    np.testing.assert_allclose(4 * X, outputs["logits"])
    assert "((input__0, input__1), extra={'bias': extra__bias}, scale=3.0)" == repr(call).replace("'", "").replace(
        "bias: ", "'bias': "
    )


def test_calls_are_equal_where_only_arrays_differ() -> None:
    model = JaxModel(encode, {})
    first, second = (make_call(model, tokens(batch, 4), NAMES)[0] for batch in (2, 3))
    ids, keywords = tokens(2, 4)
    scaled = make_call(model, (ids, {**keywords, "scale": 2.0}), NAMES)[0]
    whole = make_call(model, (ids, {**keywords, "scale": 2}), NAMES)[0]

    assert first == second
    assert first != scaled
    assert scaled != whole


def test_names_of_the_users_are_used() -> None:
    call, inputs = make_call(JaxModel(encode, {}), tokens(2, 4), Names(("ids", "mask"), ("a", "b", "c")))

    assert ["ids", "mask"] == list(inputs)
    assert ("a", "b", "c") == call.outputs


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (Names(("x",), ()), "input_names has 1 names for 2 inputs"),
        (Names(("x", "x"), ()), "has a name twice"),
        (Names(("x", "y"), ("x",)), "'x', which is the name of an input"),
    ],
)
def test_names_that_do_not_fit_are_refused(names: Names, reason: str) -> None:
    with pytest.raises(DataloaderError, match=reason):
        make_call(JaxModel(encode, {}), tokens(2, 4), names)


def test_a_sample_that_does_not_fit_is_refused_with_what_the_function_takes(params: Any) -> None:
    with pytest.raises(DataloaderError, match=r"does not fit affine\(x\).*too many positional"):
        make_call(JaxModel(affine, params), (X, X), NAMES)


def test_a_sample_without_arrays_is_refused() -> None:
    with pytest.raises(DataloaderError, match="holds no arrays"):
        make_call(JaxModel(lambda x: x), (3.0,), NAMES)


def test_a_result_without_arrays_is_refused() -> None:
    call, _ = make_call(JaxModel(lambda x: None), X, NAMES)
    with pytest.raises(DataloaderError, match="returned NoneType, which holds no arrays"):
        call.named_outputs(None)

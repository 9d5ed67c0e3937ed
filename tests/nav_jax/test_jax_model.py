"""What is a model of JAX, how its parameters reach it, and what it takes besides."""

from __future__ import annotations

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nav_jax import JaxModel
from nav_jax.jax_model import is_model_object
from navcore.errors import UsageError

from .conftest import affine, encode

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def called(model: JaxModel, *arguments: Any, **keywords: Any) -> Any:
    function, params = model.pure()
    return np.asarray(function(params, *arguments, **keywords))


def test_a_function_gets_its_parameters_by_the_keyword_params(params: Any) -> None:
    model = JaxModel(affine, params)

    np.testing.assert_allclose(affine(X, params), called(model, X), rtol=1e-6)
    assert ["x"] == list(model.signature().parameters)  # type: ignore[union-attr]


def test_another_function_gets_them_first(params: Any) -> None:
    model = JaxModel(lambda weights, x: affine(x, weights), params)

    np.testing.assert_allclose(affine(X, params), called(model, X), rtol=1e-6)
    assert ["x"] == list(model.signature().parameters)  # type: ignore[union-attr]


def test_a_first_parameter_of_that_name_is_the_first() -> None:
    model = JaxModel(encode, {"table": 1})

    assert ["ids", "mask", "scale"] == list(model.signature().parameters)  # type: ignore[union-attr]


def test_a_function_without_parameters_is_called_as_it_is(params: Any) -> None:
    model = JaxModel(jax.jit(lambda x, *, shift=0.0: affine(x, params) + shift))

    np.testing.assert_allclose(affine(X, params) + 2, called(model, X, shift=2.0), rtol=1e-6)
    assert ["x", "shift"] == list(model.signature().parameters)  # type: ignore[union-attr]


def test_a_linen_module_gets_its_variables() -> None:
    nn = pytest.importorskip("flax.linen", reason="the model is one of Flax: pip install flax")
    module = nn.Dense(2)
    variables = module.init(jax.random.PRNGKey(0), X)
    model = JaxModel(module, variables)

    np.testing.assert_allclose(module.apply(variables, X), called(model, X), rtol=1e-6)
    assert ["inputs"] == list(model.signature().parameters)  # type: ignore[union-attr]
    assert "Dense" == model.name
    with pytest.raises(UsageError, match=r"holds no parameters, and model_params is None"):
        JaxModel(module)


def test_an_nnx_module_holds_its_own_and_is_left_as_it_was() -> None:
    nnx = pytest.importorskip("flax.nnx", reason="the model is one of Flax: pip install flax")

    class Counting(nnx.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.linear = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
            self.calls = nnx.Variable(jnp.zeros((), jnp.int32))

        def __call__(self, x: Any) -> Any:
            self.calls[...] += 1
            return self.linear(x)

    module = Counting()
    model = JaxModel(module)
    expected = np.asarray(module.linear(X))

    np.testing.assert_allclose(expected, called(model, X), rtol=1e-6)
    assert 0 == int(module.calls[...])
    assert is_model_object(module)
    with pytest.raises(UsageError, match="holds its parameters itself"):
        JaxModel(module, {})


@jax.tree_util.register_pytree_node_class
class Layer:
    """A callable that is a pytree, as Equinox makes them."""

    def __init__(self, weight: Any, power: int) -> None:
        self.weight, self.power = weight, power

    def tree_flatten(self) -> Any:
        return (self.weight, 2.0), self.power

    @classmethod
    def tree_unflatten(cls, power: int, children: Any) -> Layer:
        return cls(children[0], power)

    def __call__(self, x: Any) -> Any:
        return (x @ self.weight) ** self.power


def test_a_callable_pytree_gives_its_arrays_as_parameters(params: Any) -> None:
    layer = Layer(params["weight"], 2)
    model = JaxModel(layer)

    assert [params["weight"]] == model.pure()[1]
    np.testing.assert_allclose((X @ params["weight"]) ** 2, called(model, X), rtol=1e-6)
    assert inspect.Signature(inspect.signature(layer).parameters.values()).parameters == model.signature().parameters  # type: ignore[union-attr]


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(UsageError, match=r"model=int\(...\) cannot be called"):
        JaxModel(3)


def test_other_values_are_no_models() -> None:
    assert not is_model_object(affine)
    assert not is_model_object(3)

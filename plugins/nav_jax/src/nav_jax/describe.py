"""How the user's function is called, learnt from one sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from nav_jax.arrays import as_jax_takes_it, owned
from nav_jax.call import JaxCall, make_call
from nav_jax.jax_model import JaxModel
from navcore.contracts import Description, Names, Tensors
from navcore.errors import DataloaderError, NavError, any_failure, first_line

__all__ = ["describe", "model_of"]


def model_of(given: Any) -> JaxModel:
    """Return a model that holds its parameters as a JaxModel; a JaxModel as it is."""
    return given if isinstance(given, JaxModel) else JaxModel(given)


def describe(given: Any, sample: Any, names: Names) -> Description:
    """Return how the function is called, and the reference that runs it as it was given.

    Raises:
        DataloaderError: The sample cannot be arguments of the function, or holds no arrays.
    """
    model = model_of(given)
    if sample is None:
        return Description(inputs={}, infer=_no_sample)
    call, leaves = make_call(model, sample, names)
    inputs = {name: as_jax_takes_it(leaf) for name, leaf in leaves.items()}
    narrowed = [name for name, leaf in leaves.items() if leaf.dtype != inputs[name].dtype]
    notice = (
        f"JAX computes without 64 bits, so {', '.join(narrowed)} {'is' if len(narrowed) == 1 else 'are'} given in 32: "
        "for 64, set jax_enable_x64 before anything is computed"
    )
    return Description(inputs=inputs, infer=_Reference(model, call), call=call, notices=(notice,) if narrowed else ())


def _no_sample(_inputs: Tensors) -> Tensors:
    raise DataloaderError(
        "a sample is None, and a function of JAX does not say what it takes", "pass dataloader=[sample, ...]"
    )


@attrs.define(eq=False)
class _Reference:
    """The function as the user has it."""

    model: JaxModel
    call: JaxCall
    _pure: tuple[Callable[..., Any], Any] | None = attrs.field(default=None, init=False)
    """Of the first call: to take an nnx module of 12 layers apart takes 2 ms (flax 0.12), as long as to run it."""

    def __call__(self, inputs: Tensors) -> Tensors:
        import jax.numpy as jnp

        if self._pure is None:
            self._pure = self.model.pure()
        function, params = self._pure
        arguments, keywords = self.call.arguments(jnp.asarray(inputs[name]) for name in self.call.inputs)
        try:
            result = function(params, *arguments, **keywords)
        except NavError:
            raise
        except any_failure() as error:  # the user's function may raise anything
            shapes = ", ".join(f"{name}: {inputs[name].dtype}{list(inputs[name].shape)}" for name in self.call.inputs)
            raise DataloaderError(
                f"{self.model.name} refuses the sample ({shapes}), called as {self.model.name}{self.call!r}: "
                f"{type(error).__name__}: {first_line(error)}",
                "make shapes and dtypes of the sample those that the function takes",
            ) from error
        return {name: owned(array) for name, array in self.call.named_outputs(result).items()}

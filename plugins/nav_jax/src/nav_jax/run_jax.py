"""Runs the user's function: as it was given, and compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from nav_jax.arrays import as_arrays_of_jax
from nav_jax.call import JaxCall
from nav_jax.describe import model_of
from nav_jax.device import device_of, missing_jax
from nav_jax.infer import JaxInfer
from navcore.contracts import Infer, Model, Runner
from navcore.domain import DeviceKind
from navcore.formats import Format

__all__ = ["JaxRunner", "flat_function"]


@attrs.frozen(kw_only=True)
class JaxRunner(Runner):
    """A function with its parameters, in this process.

    Attributes:
        jit: Whether `jax.jit` compiles all of it, once for each shape; a function that is compiled already is called as
            it is either way.
    """

    accepts: Format = Format.JAX
    imports: tuple[str, ...] = ("jax",)
    jit: bool

    def unavailable(self) -> str | None:
        return missing_jax(self.devices[0])

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        import jax

        where = device_of(device)
        function, params = model_of(model.object).pure()
        placed = as_arrays_of_jax(params, where)

        def call(params: Any, *arrays: Any) -> Any:
            return _named(function, model.call, params, arrays)

        compiled = jax.jit(call) if self.jit else call
        with jax.default_device(where):
            yield JaxInfer(
                lambda *arrays: compiled(placed, *arrays), model.signature.input_names, where, compiles=self.jit
            )


def flat_function(model: Model) -> Callable[..., tuple[Any, ...]]:
    """Return the user's function, with its parameters inside, as one of the inputs in order that returns a tuple."""
    function, given = model_of(model.object).pure()
    call: JaxCall = model.call
    params = as_arrays_of_jax(given)  # an array of NumPy cannot be indexed with one that is traced

    def flat(*arrays: Any) -> tuple[Any, ...]:
        return tuple(_named(function, call, params, arrays).values())

    return flat


def _named(function: Callable[..., Any], call: JaxCall, params: Any, arrays: tuple[Any, ...]) -> dict[str, Any]:
    arguments, keywords = call.arguments(arrays)
    return call.named_outputs(function(params, *arguments, **keywords))

"""Shapes of the inputs for JAX, with the signature's names where they vary."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from navcore.domain import Signature, TensorSpec
from navcore.errors import first_line

__all__ = ["ExportError", "check_outputs", "explained", "symbolic_inputs"]

_NEEDS_NUMBERS = ("_DimExpr", "InconclusiveDimensionOperation", "symbolic dimension")
"""Words in what JAX raises where a size that varies is used as a number (jax 0.10)."""


class ExportError(Exception):
    """What was exported is not good for the sizes that vary."""


def symbolic_inputs(signature: Signature) -> list[Any]:
    """Return a `jax.ShapeDtypeStruct` for each input, in one scope: in two, equal names would be different sizes."""
    import jax
    from jax import export

    scope = export.SymbolicScope()
    return [
        jax.ShapeDtypeStruct(
            export.symbolic_shape(", ".join(map(str, spec.shape)), scope=scope) if spec.shape else (), _dtype(spec)
        )
        for spec in signature.inputs
    ]


@contextmanager
def explained(signature: Signature) -> Iterator[None]:
    """Say what it means where JAX cannot export the function for all sizes.

    Raises:
        ExportError: The function uses a size that varies as a Python number.
    """
    try:
        yield
    except Exception as error:  # JAX raises many classes
        text = f"{type(error).__name__}: {error}"
        if not any(word in text for word in _NEEDS_NUMBERS):
            raise
        names = sorted({size for spec in signature.inputs for size in spec.shape if isinstance(size, str)})
        raise ExportError(
            f"the function needs a size that varies ({', '.join(names)}) as a number: {first_line(error)}; use "
            "functions of jax.numpy in place of Python loops and comparisons, or samples of one size and batching=False"
        ) from error


def check_outputs(signature: Signature, avals: Any) -> None:
    """Refuse an output whose size is fixed where the model's varies.

    Args:
        signature: Of the source.
        avals: What was exported says of its outputs, in order.

    Raises:
        ExportError: One is.
    """
    for spec, aval in zip(signature.outputs, avals, strict=True):
        for named, size in zip(spec.shape, aval.shape, strict=True):
            if isinstance(named, str) and isinstance(size, int):
                raise ExportError(
                    f"{named} was baked in: {spec.name} is {size} where the model's varies; "
                    "take sizes from array.shape in the function, not from Python numbers"
                )


def _dtype(spec: TensorSpec) -> Any:
    import jax.numpy as jnp

    return jnp.dtype(spec.dtype)

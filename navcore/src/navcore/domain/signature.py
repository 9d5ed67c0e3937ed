"""What a model takes and gives: names, dtypes and shapes."""

from __future__ import annotations

import attrs

__all__ = ["Dimension", "Names", "Signature", "TensorSpec"]

Dimension = int | str
"""A size, or the name of a size that may differ from call to call."""


def _check_shape(_instance: object, _attribute: object, value: tuple[Dimension, ...]) -> None:
    for dimension in value:
        named = isinstance(dimension, str) and dimension.isidentifier()
        sized = isinstance(dimension, int) and not isinstance(dimension, bool) and dimension >= 0
        if not (named or sized):
            raise ValueError(f"shape={value!r}: {dimension!r} is neither a size >= 0 nor an identifier")


def _check_unique(
    _instance: object, attribute: attrs.Attribute[tuple[TensorSpec, ...]], value: tuple[TensorSpec, ...]
) -> None:
    names = [spec.name for spec in value]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{attribute.name}: the name {twice[0]!r} is used twice")


@attrs.frozen
class TensorSpec:
    """One tensor.

    Attributes:
        name: Name by which the tensor is fed or returned.
        dtype: Name as NumPy and ml_dtypes spell it, for example `"float32"` or `"bfloat16"`.
        shape: One size or dimension name per axis; `()` for a scalar.
    """

    name: str = attrs.field(validator=attrs.validators.min_len(1))
    dtype: str = attrs.field(validator=attrs.validators.min_len(1))
    shape: tuple[Dimension, ...] = attrs.field(validator=_check_shape)

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype}[{', '.join(map(str, self.shape))}]"


@attrs.frozen
class Signature:
    """Inputs and outputs, in the order in which a positional call takes and returns them.

    Attributes:
        inputs, outputs: One spec per tensor; names are unique on each side.
        batch: Name of the batch dimension, or None where the batch size cannot change.
    """

    inputs: tuple[TensorSpec, ...] = attrs.field(validator=_check_unique)
    outputs: tuple[TensorSpec, ...] = attrs.field(validator=_check_unique)
    batch: str | None = None

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs, in order."""
        return tuple(spec.name for spec in self.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return tuple(spec.name for spec in self.outputs)

    def batched(self, name: str) -> bool:
        """Return whether the input's first axis is the batch."""
        spec = next(spec for spec in self.inputs if spec.name == name)
        return self.batch is not None and spec.shape[:1] == (self.batch,)

    def __str__(self) -> str:
        left, right = (", ".join(map(str, side)) or "nothing" for side in (self.inputs, self.outputs))
        return f"{left} -> {right}"


@attrs.frozen
class Names:
    """Names that the user wants for inputs and outputs, in flattening order; empty where the plugin chooses."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

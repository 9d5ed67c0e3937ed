"""What a model takes and gives: names, dtypes and shapes."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

__all__ = ["Dimension", "Names", "Range", "Signature", "TensorSpec"]

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


def _check_largest(instance: Range, _attribute: object, value: int | None) -> None:
    if value is not None and value < instance.smallest:
        raise ValueError(f"{instance.dimension}: largest={value} is below smallest={instance.smallest}")


@attrs.frozen
class Range:
    """Sizes that a named dimension may have.

    Attributes:
        dimension: Its name.
        smallest, largest: Both included; None: no largest is known.
    """

    dimension: str
    smallest: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    largest: int | None = attrs.field(default=None, validator=_check_largest)

    def __contains__(self, size: int) -> bool:
        return self.smallest <= size and (self.largest is None or size <= self.largest)

    def __str__(self) -> str:
        if self.largest is None:
            return f"{self.dimension} from {self.smallest}"
        return f"{self.dimension} {self.smallest} to {self.largest}"


@attrs.frozen
class Signature:
    """Inputs and outputs, in the order in which a positional call takes and returns them.

    Attributes:
        inputs, outputs: One spec per tensor; names are unique on each side.
        batch: Name of the batch dimension, or None where the batch size cannot change.
        ranges: The sizes that named dimensions are good for, where there are limits: beyond them the artifact may
            refuse, crash, or give garbage. Sorted by dimension, each at most once.
    """

    inputs: tuple[TensorSpec, ...] = attrs.field(validator=_check_unique)
    outputs: tuple[TensorSpec, ...] = attrs.field(validator=_check_unique)
    batch: str | None = None
    ranges: tuple[Range, ...] = ()

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs, in order."""
        return tuple(spec.name for spec in self.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return tuple(spec.name for spec in self.outputs)

    @property
    def batch_range(self) -> Range | None:
        """The batch sizes that it is good for, where there are limits."""
        return next((each for each in self.ranges if each.dimension == self.batch), None)

    def sizes(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
        """Return the size of each named dimension in inputs of these shapes, by input name."""
        return {
            dimension: size
            for spec in self.inputs
            for dimension, size in zip(spec.shape, shapes[spec.name], strict=True)
            if isinstance(dimension, str)
        }

    def beyond(self, shapes: Mapping[str, tuple[int, ...]]) -> str:
        """Return which size lies outside its range, as `batch is 1, and it is good for batch 2 to 63`; or nothing."""
        sizes = self.sizes(shapes) if self.ranges else {}
        wrong = [each for each in self.ranges if each.dimension in sizes and sizes[each.dimension] not in each]
        return "; ".join(f"{each.dimension} is {sizes[each.dimension]}, and it is good for {each}" for each in wrong)

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

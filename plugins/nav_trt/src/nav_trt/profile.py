"""TensorRTProfile: smallest, optimal and largest shape of each input, as the user gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from navcore.errors import UsageError
from navcore.keywords import checked_keywords

__all__ = ["FrozenProfile", "ShapeTuple", "TensorRTProfile", "frozen_profile"]

FrozenProfile = tuple[tuple[str, tuple[int, ...], tuple[int, ...], tuple[int, ...]], ...]
"""Name, smallest, optimal and largest shape of each input; a form that can be hashed and sent to a worker."""


class ShapeTuple(NamedTuple):
    """The shapes of one input."""

    min: tuple[int, ...]
    opt: tuple[int, ...]
    max: tuple[int, ...]


class TensorRTProfile(dict[str, ShapeTuple]):
    """Shapes by the name of the input: what an engine is built for.

    `TensorRTProfile().add("image", min=(1, 3, 224, 224), opt=(8, 3, 224, 224), max=(16, 3, 224, 224))`
    """

    @checked_keywords
    def add(self, name: str, min: Sequence[int], opt: Sequence[int], max: Sequence[int]) -> TensorRTProfile:  # noqa: A002  # names that users know
        """Set the shapes of an input, and return the profile.

        Raises:
            UsageError: They are of different ranks, or not in ascending order.
        """
        shapes = ShapeTuple(tuple(min), tuple(opt), tuple(max))
        _check(name, shapes)
        self[name] = shapes
        return self

    def to_dict(self) -> dict[str, dict[str, tuple[int, ...]]]:
        """Return plain dicts: name, then `min`, `opt` and `max`."""
        return {name: shapes._asdict() for name, shapes in self.items()}

    @classmethod
    def from_dict(cls, profile: Mapping[str, Any]) -> TensorRTProfile:
        """Return the profile that `to_dict` gave, or one of plain triples."""
        made = cls()
        for name, shapes in profile.items():
            if isinstance(shapes, Mapping):
                made.add(name, **shapes)
            else:
                made.add(name, *shapes)
        return made


def frozen_profile(profile: Mapping[str, Any]) -> FrozenProfile:
    """Return a profile in a form that can be hashed; inputs are sorted by name."""
    checked = TensorRTProfile.from_dict(profile)
    return tuple((name, *(tuple(map(int, shape)) for shape in checked[name])) for name in sorted(checked))  # type: ignore[misc]  # three shapes


def _check(name: str, shapes: ShapeTuple) -> None:
    whole = all(isinstance(size, int) and size >= 0 for shape in shapes for size in shape)
    ranks = {len(shape) for shape in shapes}
    if not whole or len(ranks) > 1 or any(not low <= best <= high for low, best, high in zip(*shapes, strict=True)):
        raise UsageError(
            f"profile of {name!r}: min={shapes.min}, opt={shapes.opt}, max={shapes.max} are no shapes of one rank in "
            "ascending order",
            "give whole numbers, min <= opt <= max in every axis",
        )

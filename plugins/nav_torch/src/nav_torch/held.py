"""Tensors and containers that a module holds: what is inside of them is remembered, and put back."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from nav_torch.values import Store, Values, same_bits

__all__ = ["Found", "Held", "HeldTensor", "held_in", "same"]

_PLAIN = (type(None), bool, int, float, complex, str, bytes)


@attrs.frozen(eq=False)
class HeldTensor:
    """A tensor, its memory and its values."""

    tensor: Any
    memory: Any
    values: Values

    @staticmethod
    def of(tensor: Any, store: Store) -> HeldTensor:
        """Return the tensor as it is, its values in the store."""
        return HeldTensor(tensor, tensor.detach(), store.keep(tensor))

    def put_back(self) -> bool:
        """Give the tensor its memory and values back, and return whether they were others.

        Where nothing has changed, nothing is written, and autograd sees no change either.
        """
        import torch

        written = not self.values.are_in(self.memory)
        moved = self.tensor.data_ptr() != self.memory.data_ptr() or self.tensor.shape != self.memory.shape
        with torch.no_grad():
            if written:
                self.values.write_to(self.memory)
            if moved:
                self.tensor.data = self.memory
        return written or moved


@attrs.frozen(eq=False)
class _HeldContainer:
    """A list, dict, set or deque, and what was in it."""

    container: Any
    items: list[Any]
    fill: Callable[[list[Any]], object]

    @staticmethod
    def of(container: Any) -> _HeldContainer:
        """Return the container as it is."""
        fill = container.extend if isinstance(container, list | deque) else container.update
        return _HeldContainer(container, _items(container), fill)

    def put_back(self) -> bool:
        """Give the container back what was in it, and return whether that was something else."""
        now = _items(self.container)
        if len(now) == len(self.items) and all(map(_is_item, now, self.items)):
            return False
        self.container.clear()
        self.fill(self.items)
        return True


@attrs.frozen(eq=False)
class Found:
    """What was found in a module so far.

    Attributes:
        ids: Of tensors and containers.
        store: Where the values of the tensors are.
    """

    ids: set[int] = attrs.field(factory=set)
    store: Store = attrs.field(factory=Store)


Held = HeldTensor | _HeldContainer
"""Something whose contents can be put back."""


def held_in(value: Any, seen: Found) -> Iterator[Held]:
    """Yield every tensor and container in a value: itself, and what lies in it at any depth.

    Only those of torch's and Python's own classes: what others do when they are written to is theirs.

    Args:
        value: Anything.
        seen: What was found before, which is left out; what is found is added.
    """
    if id(value) in seen.ids:
        return
    if _has_values(value):
        seen.ids.add(id(value))
        yield HeldTensor.of(value, seen.store)
    elif type(value) in (list, dict, set, tuple, deque, OrderedDict, defaultdict):
        seen.ids.add(id(value))
        if type(value) is not tuple:
            yield _HeldContainer.of(value)
        for item in value.values() if isinstance(value, dict) else value:
            yield from held_in(item, seen)


def _has_values(value: Any) -> bool:
    import torch

    return type(value) is torch.Tensor and value.layout == torch.strided and not value.is_meta


def _items(container: Any) -> list[Any]:
    return list(container.items() if isinstance(container, dict) else container)


def _is_item(left: Any, right: Any) -> bool:
    """Whether two elements, or two pairs of key and value, are the same objects."""
    if type(left) is tuple and type(right) is tuple and len(left) == len(right) == 2:
        return left is right or (left[0] is right[0] and left[1] is right[1])
    return left is right


def same(left: Any, right: Any) -> bool:
    """Return whether two values are the same object, or hold the same tensors and plain values in the same places."""
    import torch

    if left is right:
        return True
    if type(left) is not type(right):
        return False
    if isinstance(left, torch.Tensor):
        return _has_values(left) and _has_values(right) and same_bits(left, right)
    if isinstance(left, _PLAIN):
        return repr(left) == repr(right)  # by which nan equals itself
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(value, right[key]) for key, value in left.items())
    return isinstance(left, tuple | list) and len(left) == len(right) and all(map(same, left, right))

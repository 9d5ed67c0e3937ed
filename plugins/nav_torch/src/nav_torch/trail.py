"""Trail: which results were computed from which tensors, followed from operator to operator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs

__all__ = ["Trail", "followed"]

_OVERWRITE = {"copy_", "fill_", "zero_", "normal_", "uniform_", "random_", "bernoulli_", "exponential_"}
_LOOK_AT_SHAPE = {f"{kind}_like" for kind in ("empty", "zeros", "ones", "full", "rand", "randn", "randint")} | {
    f"new_{kind}" for kind in ("empty", "zeros", "ones", "full", "empty_strided")
}

_STATISTICS = ("running_mean", "running_var")
"""What batch normalisation brings up to date while it trains, and does not use then."""


@contextmanager
def followed(tensors: Mapping[str, Iterable[Any]]) -> Iterator[Trail]:
    """Run the block, and follow what torch's operators compute from the values of these tensors.

    Exact as far as operators go: what is multiplied by zero counts as computed from the other factor. A value that
    Python takes out of a tensor is not followed, but noted.
    """
    from torch.utils._python_dispatch import TorchDispatchMode

    trail = Trail()
    for name, held in tensors.items():
        for tensor in held:
            trail.mark(tensor, trail.names(tensor) | {name})

    class Following(TorchDispatchMode):  # type: ignore[misc]  # a class of an untyped framework
        def __torch_dispatch__(self, operator: Any, _types: Any, given: Any = (), named: Any = None) -> Any:
            results = operator(*given, **(named or {}))
            trail.follow(operator, given, named or {}, results)
            return results

    with Following():
        yield trail


@attrs.define(eq=False)
class Trail:
    """Names on memory: whatever shares a tensor's memory has its names.

    Attributes:
        looked_at: Names on what Python took out of tensors, for an `if` or an index.
    """

    looked_at: set[str] = attrs.field(factory=set)
    _marks: dict[Any, frozenset[str]] = attrs.field(factory=dict)

    def names(self, tensor: Any) -> frozenset[str]:
        """Return the names of what the tensor was computed from."""
        return self._marks.get(_memory(tensor), frozenset())

    def mark(self, tensor: Any, names: frozenset[str]) -> None:
        """Let a tensor have these names and no others; one without memory of its own counts as looked at."""
        memory = _memory(tensor)
        if memory is None:
            self.looked_at |= names
        elif names:
            self._marks[memory] = names
        else:
            self._marks.pop(memory, None)

    def follow(self, operator: Any, given: tuple[Any, ...], named: Mapping[str, Any], results: Any) -> None:
        """Note what an operator has done."""
        if not self._marks:
            return
        sides = _Sides.of(operator, given, named)
        names = frozenset[str]().union(*(self.names(tensor) for tensor in sides.read))
        for tensor in sides.overwritten:
            self.mark(tensor, names if _fills_its_memory(tensor) else names | self.names(tensor))
        if not names:
            return
        made = [*_tensors(results), *sides.updated]
        for tensor in made:
            self.mark(tensor, names | self.names(tensor))
        if not made and not sides.overwritten:
            self.looked_at |= names


@attrs.frozen(eq=False)
class _Sides:
    """The tensors that an operator is given.

    Attributes:
        read: Those whose values it looks at.
        updated: Those that it writes to, and looks at before.
        overwritten: Those that it writes to and does not look at.
    """

    read: list[Any] = attrs.field(factory=list)
    updated: list[Any] = attrs.field(factory=list)
    overwritten: list[Any] = attrs.field(factory=list)

    @staticmethod
    def of(operator: Any, given: tuple[Any, ...], named: Mapping[str, Any]) -> _Sides:
        """Return what the schema of an operator says of what it is given; of one that has none, it reads everything."""
        sides = _Sides()
        if _name(operator) in _LOOK_AT_SHAPE:
            return sides
        schema = getattr(operator, "_schema", None)
        if schema is None:
            return _Sides(read=_tensors((given, dict(named))))
        values = {**dict(zip((argument.name for argument in schema.arguments), given, strict=False)), **named}
        passed = _STATISTICS if "batch_norm" in _name(operator) and values.get("training") else ()
        for argument in schema.arguments:
            tensors = _tensors(values.get(argument.name))
            if argument.alias_info is None or not argument.alias_info.is_write:
                sides.read.extend(() if argument.name in passed else tensors)
            elif argument.is_out or _name(operator) in _OVERWRITE:
                sides.overwritten.extend(tensors)
            else:
                sides.read.extend(() if argument.name in passed else tensors)
                sides.updated.extend(tensors)
        return sides


def _name(operator: Any) -> str:
    packet = getattr(operator, "overloadpacket", operator)
    return str(getattr(packet, "__name__", ""))


def _tensors(value: Any) -> list[Any]:
    import torch
    from torch.utils import _pytree

    return [leaf for leaf in _pytree.tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def _memory(tensor: Any) -> Any:
    """Return a key for the memory of a tensor that outlives it; None where the tensor has no memory of its own."""
    from torch.multiprocessing.reductions import StorageWeakRef

    try:
        return StorageWeakRef(tensor.untyped_storage())
    except (NotImplementedError, RuntimeError):  # sparse, nested, and other tensors made of tensors
        return None


def _fills_its_memory(tensor: Any) -> bool:
    return bool(tensor.numel() * tensor.element_size() == tensor.untyped_storage().nbytes())

"""What a module holds is put back: buffers and attributes with their values."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import attrs

from nav_torch.held import Found, Held, HeldTensor, held_in, same

__all__ = ["Kept", "contents_kept"]


@contextmanager
def contents_kept(module: Any) -> Iterator[Kept]:
    """Run the block, and put back what every submodule held before.

    Buffers, and tensors that are plain attributes or lie in lists and dicts, get their values back, in the same
    tensors; lists, dicts and sets hold what they did; other attributes refer to what they did. So a model that makes a
    buffer longer and notes its length in an attribute has both or none. What is changed inside of objects of other
    classes stays changed, and inside of parameters, but for rows that an embedding shortens to its max_norm.
    """
    kept = Kept.of(module)
    try:
        yield kept
    finally:
        if not sys.is_finalizing():  # a session that nobody closed ends with the interpreter, which imports no more
            kept.put_back()


@attrs.frozen(eq=False)
class Kept:
    """A module as it was.

    Attributes:
        changed: What was something else when it was put back, as `buffer 'layer.n'`, in the order of the module.
    """

    _parts: tuple[_Part, ...]
    _rows: tuple[HeldTensor, ...]
    changed: dict[str, None] = attrs.field(init=False, factory=dict)

    @staticmethod
    def of(module: Any) -> Kept:
        """Return the module as it is."""
        parts, seen = module.named_modules(), Found()
        kept = tuple(_Part.of(name, part, seen) for name, part in parts if not _is_uninitialised(part))
        return Kept(kept, tuple(HeldTensor.of(weight, seen.store) for weight in _renormalised(module)))

    def put_back(self) -> None:
        """Make the module what it was, and note what was something else."""
        for part in self._parts:
            self.changed.update(dict.fromkeys(part.put_back()))
        for weight in self._rows:  # no change of note: the next call would do the same to them, but for rounding
            weight.put_back()

    def tensors(self, names: Iterable[str]) -> dict[str, list[Any]]:
        """Return the tensors that were held under these names, in the spelling of `changed`."""
        wanted = set(names)
        found: dict[str, list[Any]] = {name: [] for name in names}
        for part in self._parts:
            for name, held in part.held():
                if name in wanted:
                    found[name] += [each.tensor for each in held if isinstance(each, HeldTensor)]
        return found


def _renormalised(module: Any) -> Iterator[Any]:
    """Yield the weights of embeddings whose forward writes to them: rows longer than max_norm are shortened."""
    import torch

    for part in module.modules():
        if isinstance(part, torch.nn.Embedding | torch.nn.EmbeddingBag) and part.max_norm is not None:
            yield part.weight


def _is_uninitialised(part: Any) -> bool:
    """Return whether the first call gives the part its tensors, which cannot be undone."""
    import torch

    tensors = (*part._parameters.values(), *part._buffers.values())
    return any(torch.nn.parameter.is_lazy(tensor) for tensor in tensors)


@attrs.frozen(eq=False)
class _Table:
    """A table of a submodule: names with what they refer to, and what that held inside."""

    kind: str
    now: MutableMapping[str, Any]
    before: dict[str, Any]
    held: dict[str, tuple[Held, ...]]

    @staticmethod
    def of(kind: str, now: MutableMapping[str, Any], inside: Iterable[str], seen: Found) -> _Table:
        """Return the table as it is; `inside` names those whose contents are kept too, unless they are seen already."""
        before = dict(now.items())
        return _Table(kind, now, before, {name: tuple(held_in(before[name], seen)) for name in inside})

    def put_back(self) -> Iterator[str]:
        """Make the table what it was; yield the names under which there was something else."""
        for name in [name for name in self.now.keys() if name not in self.before]:  # noqa: SIM118  # TorchScript's has no iter
            yield name
            del self.now[name]
        for name, value in self.before.items():
            written = [held for held in self.held.get(name, ()) if held.put_back()]
            there = name in self.now
            found = self.now[name] if there else None
            if not there or found is not value:
                self.now[name] = value
            if written or not there or not same(found, value):
                yield name


@attrs.frozen(eq=False)
class _Part:
    """One submodule as it was."""

    name: str
    tables: tuple[_Table, ...]

    @staticmethod
    def of(name: str, part: Any, seen: Found) -> _Part:
        """Return the submodule as it is."""
        import torch

        buffers = _Table.of("buffer", part._buffers, part._buffers.keys(), seen)
        if isinstance(part, torch.jit.ScriptModule):  # its attributes are no Python objects
            return _Part(name, (buffers,))
        attributes = vars(part)
        inside = [name for name in attributes if name not in _of_torch() or name == "_non_persistent_buffers_set"]
        return _Part(
            name,
            (
                _Table.of("attribute", attributes, inside, seen),
                buffers,
                _Table.of("parameter", part._parameters, (), seen),
                _Table.of("submodule", part._modules, (), seen),
            ),
        )

    def put_back(self) -> Iterator[str]:
        """Make the submodule what it was; yield what was something else, as `buffer 'layer.n'`."""
        for table in self.tables:
            for name in table.put_back():
                if name not in _of_torch():
                    yield self._called(table, name)

    def held(self) -> Iterator[tuple[str, tuple[Held, ...]]]:
        """Yield what was held, under the names that `put_back` yields."""
        for table in self.tables:
            for name, held in table.held.items():
                yield self._called(table, name), held

    def _called(self, table: _Table, name: str) -> str:
        return f"{table.kind} '{self.name}.{name}'" if self.name else f"{table.kind} '{name}'"


@functools.cache
def _of_torch() -> frozenset[str]:
    """Return the attributes that torch gives every module: tables, hooks, the mode."""
    import torch

    return frozenset(vars(torch.nn.Module()))

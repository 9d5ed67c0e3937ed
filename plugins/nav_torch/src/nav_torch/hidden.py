"""Tensors inside objects that cannot be taken apart: told, so that none is baked in or dropped unnoticed."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Iterator
from typing import Any

from nav_torch.tree import Node, constants
from navcore.naming import KeyPath

__all__ = ["hidden_tensors"]

_MOST_VISITED = 10_000


def hidden_tensors(node: Node) -> list[tuple[KeyPath, str]]:
    """Return path and class of every constant of a structure that holds tensors: a cache object, for example."""
    return [(path, type(value).__name__) for path, value in constants(node) if _holds_tensors(value)]


def _holds_tensors(value: Any) -> bool:
    import torch

    waiting, seen = [value], set[int]()
    while waiting and len(seen) < _MOST_VISITED:
        visited = waiting.pop()
        if isinstance(visited, torch.Tensor):
            return True
        if id(visited) not in seen:
            seen.add(id(visited))
            waiting += _inside(visited)
    return False


def _inside(value: Any) -> Iterator[Any]:
    """Yield what an object refers to; nothing for classes, functions and modules: they belong to forward."""
    import torch

    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, tuple | list | set | frozenset | deque):
        yield from value
    elif not isinstance(value, type | types.ModuleType | types.FunctionType | torch.nn.Module):
        yield from getattr(value, "__dict__", {}).values()
        slots = (name for kind in type(value).__mro__ for name in _names(getattr(kind, "__slots__", ())))
        yield from (getattr(value, name) for name in slots if hasattr(value, name))


def _names(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)

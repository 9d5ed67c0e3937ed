"""Nested values of tensors: taken apart into leaves and a structure, put together again.

Not `torch.utils._pytree`, which does not look into dataclasses that nobody registered.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from navcore.naming import KeyPath

__all__ = ["Branch", "Constant", "Leaf", "Node", "constants", "flatten", "rebuild", "render"]


def _same_constant(value: Any) -> tuple[type, Any]:
    """Return what to compare a constant by: 1, 1.0 and True differ, and nan equals itself."""
    return type(value), repr(value) if isinstance(value, float) else value


@attrs.frozen
class Leaf:
    """The place of a tensor or array."""


@attrs.frozen
class Constant:
    """Anything that is neither a tensor nor holds some: a number, a string, None, an object of an unknown class."""

    value: Any = attrs.field(eq=_same_constant)


@attrs.frozen
class Branch:
    """A tuple, list, mapping or dataclass.

    Attributes:
        kind: Class to make when it is rebuilt.
        keys: Keys, field names or positions of the children, in the order of the user's value.
        children: One node per key.
    """

    kind: type[Any]
    keys: tuple[Hashable, ...]
    children: tuple[Node, ...]


Node = Leaf | Constant | Branch


def flatten(value: Any) -> tuple[Node, list[tuple[KeyPath, Any]]]:
    """Return the structure of a value, and its leaves with their paths in the order of the structure."""
    if _is_leaf(value):
        return Leaf(), [((), value)]
    leaves: list[tuple[KeyPath, Any]] = []
    return _take_apart(value, (), leaves), leaves


def _take_apart(value: Any, path: KeyPath, leaves: list[tuple[KeyPath, Any]]) -> Node:
    if _is_leaf(value):
        leaves.append((path, value))
        return Leaf()
    items = _items(value)
    if items is None:
        return Constant(value)
    children = tuple(_take_apart(child, (*path, key), leaves) for key, child in items)
    return Branch(_kind(value), tuple(key for key, _ in items), children)


def _is_leaf(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor | np.ndarray)


def _items(value: Any) -> list[tuple[Hashable, Any]] | None:
    """Return a container's children by key, or None for what is no container."""
    # Before mappings: a ModelOutput of Transformers is both, and as a mapping it hides the fields that are None.
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, tuple | list):
        return list(zip(getattr(value, "_fields", range(len(value))), value, strict=True))
    return None


def _kind(value: Any) -> type[Any]:
    kind = type(value)
    if kind in (dict, list, tuple):
        return kind
    if dataclasses.is_dataclass(value):
        return kind
    if isinstance(value, Mapping):
        return kind if _is_made_of_pairs(value) else dict
    if hasattr(value, "_fields"):
        return kind
    return tuple if isinstance(value, tuple) else list


def _is_made_of_pairs(value: Mapping[Any, Any]) -> bool:
    """Return whether the mapping's class makes an equal one of a dict: forward may want more than a dict has."""
    kind: Any = type(value)
    try:
        made = kind(dict(value))
        return type(made) is kind and list(made) == list(value) and all(made[key] is value[key] for key in value)
    except Exception:  # a stranger's class may raise anything
        return False


def constants(node: Node, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the constants of a structure with their paths."""
    if isinstance(node, Constant):
        yield path, node.value
    elif isinstance(node, Branch):
        for key, child in zip(node.keys, node.children, strict=True):
            yield from constants(child, (*path, key))


def rebuild(node: Node, leaves: Iterable[Any]) -> Any:
    """Return a value of the node's structure with these leaves, in the order in which `flatten` gave them."""
    return _put_together(node, iter(leaves))


def _put_together(node: Node, leaves: Iterator[Any]) -> Any:
    if isinstance(node, Leaf):
        return next(leaves)
    if isinstance(node, Constant):
        return node.value
    children = [_put_together(child, leaves) for child in node.children]
    if dataclasses.is_dataclass(node.kind):
        return _record(node.kind, dict(zip(node.keys, children, strict=True)))
    kind: Any = node.kind
    if issubclass(kind, Mapping):
        return kind(dict(zip(node.keys, children, strict=True)))
    return kind(*children) if hasattr(kind, "_fields") else kind(children)


def _record(kind: type[Any], values: dict[Hashable, Any]) -> Any:
    made = {field.name for field in dataclasses.fields(kind) if field.init}
    record = kind(**{str(name): value for name, value in values.items() if name in made})
    for name in values.keys() - made:
        object.__setattr__(record, str(name), values[name])  # frozen dataclasses refuse setattr
    return record


def render(node: Node, names: Iterable[str]) -> str:
    """Return the structure as text with a name in the place of each leaf."""
    return _text(node, iter(names))


def _text(node: Node, names: Iterator[str]) -> str:
    if isinstance(node, Leaf):
        return next(names)
    if isinstance(node, Constant):
        return repr(node.value)
    parts = [_text(child, names) for child in node.children]
    if issubclass(node.kind, tuple) and not hasattr(node.kind, "_fields"):
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    if issubclass(node.kind, list):
        return f"[{', '.join(parts)}]"
    pairs = ", ".join(f"{key}={part}" for key, part in zip(node.keys, parts, strict=True))
    return f"{node.kind.__name__}({pairs})"

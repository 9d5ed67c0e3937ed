from __future__ import annotations

import dataclasses
from collections import OrderedDict, UserDict, namedtuple
from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from nav_torch.tree import Constant, flatten, rebuild, render
from navcore.naming import leaf_names

Pair = namedtuple("Pair", "left right")


@dataclasses.dataclass(frozen=True)
class Record:
    first: Any
    second: Any = None
    length: int = dataclasses.field(init=False, default=0)


class Batch(UserDict):
    pass


LEAVES = st.integers(0, 9).map(lambda value: torch.tensor(value)) | st.integers(0, 9).map(lambda value: np.array(value))
CONSTANTS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
KEYS = st.text("ab_.0", max_size=3) | st.integers(0, 3)


def containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    mappings = st.dictionaries(KEYS, children, max_size=3)
    return st.one_of(
        st.lists(children, max_size=3),
        st.lists(children, max_size=3).map(tuple),
        mappings,
        mappings.map(OrderedDict),
        mappings.map(Batch),
        st.builds(Pair, children, children),
        st.builds(Record, children, children),
    )


VALUES = st.recursive(LEAVES | CONSTANTS, containers, max_leaves=12)


def same(one: Any, other: Any) -> bool:
    """Whether two values have the same structure, with identical leaves in the same places."""
    if isinstance(one, torch.Tensor | np.ndarray):
        return one is other
    if type(one) is not type(other):
        return False
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, name.name), getattr(other, name.name)) for name in dataclasses.fields(one))
    if isinstance(one, dict | UserDict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other)


@given(VALUES)
def test_what_is_taken_apart_is_put_together_the_same(value: Any) -> None:
    node, leaves = flatten(value)

    assert same(value, rebuild(node, [leaf for _, leaf in leaves]))


@given(VALUES)
def test_the_structure_does_not_depend_on_the_tensors(value: Any) -> None:
    node, leaves = flatten(value)
    other, _ = flatten(rebuild(node, [torch.ones(index + 1) for index in range(len(leaves))]))

    assert node == other
    assert hash(node) == hash(other)


@given(VALUES, st.sets(st.sampled_from(["a", "b", "output__0", "output__1"])))
def test_names_are_unique_free_and_never_empty(value: Any, taken: set[str]) -> None:
    _, leaves = flatten(value)
    names = leaf_names(tuple(path for path, _ in leaves), "output", taken=tuple(taken))

    assert len(leaves) == len(set(names))
    assert not taken & set(names)
    assert all(names)


@given(VALUES)
def test_every_structure_can_be_shown(value: Any) -> None:
    node, leaves = flatten(value)

    assert isinstance(render(node, [f"t{index}" for index in range(len(leaves))]), str)


def names_of(value: Any, prefix: str = "input") -> tuple[str, ...]:
    return leaf_names(tuple(path for path, _ in flatten(value)[1]), prefix)


def test_names_join_keys_and_positions_after_the_first_key() -> None:
    x = torch.ones(1)

    assert ("a", "b__0", "b__1__c", "left") == names_of(({"a": x, "b": [x, {"c": x}]}, Pair(x, 3)))


def test_a_leaf_without_a_key_is_named_by_its_place_among_all_leaves() -> None:
    x = torch.ones(1)

    assert ("input__0", "mask", "input__2") == names_of((x, {"mask": x}, [x, "text"]))


def test_names_that_would_clash_are_numbered() -> None:
    x = torch.ones(1)

    assert ("a", "input__1", "a__b", "input__3") == names_of([{"a": x}, {"a": x}, {"a__b": x}, {"a": {"b": x}}])


def test_mappings_keep_the_users_order() -> None:
    x = torch.ones(1)

    assert ("zebra", "ant") == names_of({"zebra": x, "ant": x})


def test_constants_of_different_types_differ() -> None:
    assert Constant(1) != Constant(True)
    assert Constant(1) != Constant(1.0)
    assert Constant(float("nan")) == Constant(float("nan"))

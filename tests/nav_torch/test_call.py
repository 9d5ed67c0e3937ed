from __future__ import annotations

import dataclasses
from collections import defaultdict, deque
from typing import Any

import pytest
import torch
from torch import nn

from nav_torch.call import make_call
from navcore.contracts import Names
from navcore.errors import DataloaderError


class Module(nn.Module):
    def forward(self, *values, **options): ...


@dataclasses.dataclass
class Output:
    logits: Any
    loss: Any = None


def call_of(sample: Any, names: Names | None = None):
    return make_call(Module(), sample, names or Names())[0]


def test_samples_that_differ_in_tensors_only_call_alike() -> None:
    one, other = (call_of((torch.ones(size), {"mask": torch.zeros(size, 2), "scale": 2})) for size in (1, 5))

    assert one == other
    assert ("input__0", "mask") == one.inputs


@pytest.mark.parametrize("changed", [({"scale": 3},), ({"scale": 2.0},), ({},), ({"scale": 2, "more": None},)])
def test_other_constants_or_structure_call_otherwise(changed: Any) -> None:
    assert call_of((torch.ones(1), {"scale": 2})) != call_of((torch.ones(1), *changed))


def test_the_call_shows_what_it_calls() -> None:
    sample = (torch.ones(1), [torch.ones(1), None], {"batch": {"dense": torch.ones(1)}, "mode": "fast"})

    assert "forward(input__0, [input__1, None], batch=dict(dense=batch__dense), mode='fast')" == repr(call_of(sample))


def test_arguments_are_rebuilt_around_new_tensors() -> None:
    call = call_of((torch.ones(1), {"batch": {"dense": torch.ones(1)}, "scale": 2}))

    assert (("A",), {"batch": {"dense": "B"}, "scale": 2}) == call.arguments(["A", "B"])


def test_outputs_are_named_by_key_or_place() -> None:
    x, y = torch.ones(1), torch.zeros(1)
    call = call_of(x)

    assert ["output__0"] == list(call.named_outputs(x))
    assert ["output__0", "output__1"] == list(call.named_outputs((x, [y])))
    assert ["logits"] == list(call.named_outputs(Output(x)))
    assert ["b__0", "a"] == list(call.named_outputs({"b": [x, 3], "a": y, "text": "no tensor"}))


def test_an_output_never_has_the_name_of_an_input() -> None:
    call = call_of({"x": torch.ones(1)})

    assert ["output__0", "y"] == list(call.named_outputs({"x": torch.ones(1), "y": torch.ones(1)}))


def test_the_users_names_are_used_in_flattening_order() -> None:
    call = call_of((torch.ones(1), {"mask": torch.ones(1)}), Names(("ids", "attention"), ("score",)))

    assert ("ids", "attention") == call.inputs
    assert ["score"] == list(call.named_outputs(torch.ones(1)))


def test_a_wrong_number_of_input_names_is_refused() -> None:
    with pytest.raises(
        DataloaderError, match=r"input_names has 1 names for 2 inputs \(input__0, mask\)\n  fix: give one"
    ):
        call_of((torch.ones(1), {"mask": torch.ones(1)}), Names(inputs=("ids",)))


def test_a_wrong_number_of_output_names_is_refused() -> None:
    call = call_of(torch.ones(1), Names(outputs=("a", "b", "c")))

    with pytest.raises(DataloaderError, match=r"output_names has 3 names for 1 outputs \(output__0\)"):
        call.named_outputs(torch.ones(1))


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(DataloaderError, match=r"input_names=\('x', 'x'\) has a name twice"):
        call_of((torch.ones(1), torch.ones(1)), Names(inputs=("x", "x")))


@pytest.mark.parametrize("sample", [3, "text", ([1.0, 2.0],), {"a": None}])
def test_a_sample_without_tensors_is_refused(sample: Any) -> None:
    with pytest.raises(
        DataloaderError, match=r"the sample \(\w+\) holds no tensors\n  fix: give torch tensors or numpy"
    ):
        call_of(sample)


def test_outputs_without_tensors_are_refused() -> None:
    with pytest.raises(DataloaderError, match="forward returned str, which holds no tensors that can be found"):
        call_of(torch.ones(1)).named_outputs("text")


def test_an_output_name_that_an_input_has_is_refused() -> None:
    with pytest.raises(
        DataloaderError,
        match=r"output_names has 'x', which is the name of an input\n  fix: give outputs names of",
    ):
        call_of({"x": torch.ones(1)}, Names(outputs=("x",)))


class Store:
    """Holds tensors, as a cache of keys and values does, and cannot be taken apart."""

    __slots__ = ("deep",)

    def __init__(self, value: Any) -> None:
        self.deep = {"layers": [value]}


@pytest.mark.parametrize(
    ("sample", "argument"),
    [
        ((torch.ones(1), Store(torch.ones(1))), "argument 1 is of class Store"),
        ({"x": torch.ones(1), "past": {"a": [Store(torch.ones(1))]}}, r"argument past\['a'\]\[0\] is of class Store"),
        ((torch.ones(1), deque([torch.ones(1)])), "argument 1 is of class deque"),
    ],
)
def test_an_argument_with_tensors_that_cannot_be_found_is_refused(sample: Any, argument: str) -> None:
    with pytest.raises(DataloaderError, match=f"{argument}, which holds tensors that cannot be told apart") as caught:
        call_of(sample)
    assert "wrap the model in a module whose forward makes it" in caught.value.fix


@pytest.mark.parametrize("constant", [Store(3), Module(), torch.float32, "text", len, {1, 2}])
def test_a_constant_without_tensors_is_taken(constant: Any) -> None:
    assert (("A", constant), {}) == call_of((torch.ones(1), constant)).arguments(["A"])


class Dotted(dict):
    """A dict whose keys are attributes, as many libraries have one."""

    __getattr__ = dict.__getitem__


def test_a_class_of_mappings_is_given_to_forward_again() -> None:
    again = call_of({"batch": Dotted(x=torch.ones(1), mode="fast")}).arguments(["X"])[1]["batch"]

    assert Dotted is type(again)
    assert ("X", "fast") == (again.x, again.mode)


def test_a_class_of_mappings_that_cannot_be_made_of_pairs_becomes_a_dict() -> None:
    again = call_of({"batch": defaultdict(list, x=torch.ones(1))}).arguments(["X"])[1]["batch"]

    assert dict is type(again)
    assert {"x": "X"} == again

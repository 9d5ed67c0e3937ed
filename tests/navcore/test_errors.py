"""Every error says its cause and its fix."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navcore import errors
from navcore.errors import NavError, UnknownNameError, UsageError, nearest

_CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]


def test_an_error_prints_its_cause_and_its_fix() -> None:
    error = NavError("the dataloader is empty", "give at least one sample")

    assert "the dataloader is empty\n  fix: give at least one sample" == str(error)
    assert ("the dataloader is empty", "give at least one sample") == (error.cause, error.fix)


@pytest.mark.parametrize("cls", _CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_is_a_nav_error_and_is_drawn_in_the_tree(cls: type[Exception]) -> None:
    assert issubclass(cls, NavError)
    assert cls.__name__ in (errors.__doc__ or "")
    assert cls.__name__ in errors.__all__


def test_wrong_use_is_also_a_value_error() -> None:
    with pytest.raises(ValueError, match="sample_count=0 is below 1"):
        raise UsageError("sample_count=0 is below 1", "leave it out, or give 1 or more")


def test_an_unknown_name_lists_the_known_ones_in_order_and_guesses() -> None:
    error = UnknownNameError("runner", "onnx-cud", ["onnx-cuda", "onnx-cpu"], "run `nav plugins`")

    assert str(error) == (
        "no runner named 'onnx-cud'; known: onnx-cpu, onnx-cuda\n"
        "  fix: did you mean 'onnx-cuda'? Otherwise run `nav plugins`"
    )
    assert ("runner", "onnx-cud", ("onnx-cpu", "onnx-cuda")) == (error.kind, error.name, error.known)


def test_an_unknown_name_among_none_says_none() -> None:
    assert "no runner named 'x'; known: none\n  fix: install one" == str(
        UnknownNameError("runner", "x", [], "install one")
    )


@pytest.mark.parametrize(("given_name", "expected"), [("ONNXCPU", "OnnxCPU"), ("OnnxCPUs", "OnnxCPU"), ("zzz", None)])
def test_the_nearest_name_ignores_case(given_name: str, expected: str | None) -> None:
    assert expected == nearest(given_name, ["OnnxCPU", "TorchCompileCPU"])


@given(st.text(max_size=8), st.lists(st.text(max_size=8)))
def test_the_nearest_name_is_a_known_one(name: str, known: list[str]) -> None:
    assert nearest(name, known) in {None, *known}


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1))
def test_a_known_name_is_nearest_to_itself_up_to_case(known: list[str]) -> None:
    found = nearest(known[0], known)

    assert found is not None
    assert known[0].casefold() == found.casefold()


@pytest.mark.parametrize("cls", [cls for cls in _CLASSES if cls is not UnknownNameError], ids=lambda cls: cls.__name__)
def test_an_error_survives_a_copy(cls: type[NavError]) -> None:
    twin = copy.copy(cls("cause", "fix"))

    assert ("cause", "fix") == (twin.cause, twin.fix)

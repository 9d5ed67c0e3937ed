"""What a sample of the dataloader may stand for, as arguments of a function."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["Arguments", "argument_choices", "first_that_binds"]

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional and keyword arguments."""


def argument_choices(sample: Any, parameters: Iterable[str] = ()) -> list[Arguments]:
    """Return what a sample may stand for, the likeliest first.

    A tuple or list holds positional arguments, and a dict at its end keyword arguments; a mapping holds keyword
    arguments, or is one positional argument where none of its keys is a parameter's name; so may a named tuple be one.

    Args:
        sample: As the dataloader gave it.
        parameters: Names of the function's parameters, where they are known.
    """
    if isinstance(sample, Mapping):
        known = set(parameters)
        choices: list[Arguments] = [((), dict(sample))] if all(isinstance(key, str) for key in sample) else []
        # A key that is a parameter's name says that keywords were meant: then the others are misspelt or missing.
        return choices if any(key in known for key in sample) else [*choices, ((sample,), {})]
    if not isinstance(sample, tuple | list):
        return [((sample,), {})]
    given = tuple(sample)
    choices = [(given, {})]
    if given and isinstance(given[-1], Mapping) and all(isinstance(key, str) for key in given[-1]):
        choices.insert(0, (given[:-1], dict(given[-1])))
    return [*choices, ((sample,), {})] if hasattr(sample, "_fields") else choices


def first_that_binds(choices: Iterable[Arguments], signature: inspect.Signature) -> Arguments:
    """Return the first of the choices that fits a signature.

    Raises:
        TypeError: None does; with what is wrong with the first one.
    """
    wrong: TypeError | None = None
    for arguments, keywords in choices:
        try:
            signature.bind(*arguments, **keywords)
        except TypeError as error:
            wrong = wrong or error
            continue
        return arguments, keywords
    raise wrong or TypeError("it holds no arguments")

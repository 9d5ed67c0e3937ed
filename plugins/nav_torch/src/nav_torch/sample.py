"""How one sample of the dataloader becomes the arguments of `forward`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from navcore.errors import DataloaderError

__all__ = ["Arguments", "arguments_of", "parameters_of"]

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional and keyword arguments."""


def arguments_of(module: Any, sample: Any) -> Arguments:
    """Return the arguments that the sample stands for.

    A tuple or list holds positional arguments, and a dict at its end keyword arguments; a mapping holds keyword
    arguments. A dict or named tuple that cannot be the arguments of this `forward` is one positional argument.

    Raises:
        DataloaderError: `forward` takes no such arguments; the message names those that it takes.
    """
    if isinstance(sample, Mapping):
        return _from_mapping(module, sample)
    if not isinstance(sample, tuple | list):
        return _first_that_binds(module, f"one value ({type(sample).__name__})", ((sample,), {}))
    given = tuple(sample)
    choices: list[Arguments] = [(given, {})]
    if given and isinstance(given[-1], Mapping) and all(isinstance(key, str) for key in given[-1]):
        choices.insert(0, (given[:-1], dict(given[-1])))
    if hasattr(sample, "_fields"):
        choices.append(((sample,), {}))
    return _first_that_binds(module, _count(given), *choices)


def _from_mapping(module: Any, sample: Mapping[Any, Any]) -> Arguments:
    keys = ", ".join(map(str, sample))
    choices: list[Arguments] = [((), dict(sample))] if all(isinstance(key, str) for key in sample) else []
    signature = _signature(module)
    # A key that is a parameter's name says that keywords were meant: then the others are misspelt or missing.
    if signature is None or not any(key in signature.parameters for key in sample):
        choices.append(((sample,), {}))
    return _first_that_binds(module, f"the keys {keys}", *choices)


def _first_that_binds(module: Any, given: str, *choices: Arguments) -> Arguments:
    signature = _signature(module)
    reason = "its keys are no names"
    for arguments, keywords in choices:
        if signature is None:
            return arguments, keywords
        try:
            signature.bind(*arguments, **keywords)
        except TypeError as error:
            reason = str(error)
            continue
        return arguments, keywords
    raise DataloaderError(
        f"the sample gives {given}, but {type(module).__name__}.forward takes {parameters_of(module)}: {reason}",
        "give a tuple with one value per parameter, or a dict whose keys are names of parameters; "
        "to pass a dict as one argument, give ({...},)",
    )


def _count(values: tuple[Any, ...]) -> str:
    return f"{len(values)} value{'' if len(values) == 1 else 's'}"


def _signature(module: Any) -> inspect.Signature | None:
    """Return the signature of `forward` without `self`, or None where it does not tell."""
    try:
        return inspect.signature(module.forward)
    except (TypeError, ValueError):  # a callable made in C, or one that only `__call__` knows
        return None


def parameters_of(module: Any) -> str:
    """Return the parameters of `forward` as text: `(x, mask=None)`, or `(...)` where it does not tell."""
    signature = _signature(module)
    if signature is None:
        return "(...)"
    nothing = inspect.Parameter.empty
    plain = [parameter.replace(annotation=nothing) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=plain, return_annotation=nothing))

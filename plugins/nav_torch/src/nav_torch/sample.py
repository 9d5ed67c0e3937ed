"""How one sample of the dataloader becomes the arguments of `forward`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from navcore.arguments import Arguments, argument_choices
from navcore.errors import DataloaderError

__all__ = ["arguments_of", "parameters_of"]


def arguments_of(module: Any, sample: Any) -> Arguments:
    """Return the arguments that the sample stands for.

    A tuple or list holds positional arguments, and a dict at its end keyword arguments; a mapping holds keyword
    arguments. A dict or named tuple that cannot be the arguments of this `forward` is one positional argument.

    Raises:
        DataloaderError: `forward` takes no such arguments; the message names those that it takes.
    """
    signature = _signature(module)
    reason = "its keys are no names"
    for arguments, keywords in argument_choices(sample, () if signature is None else signature.parameters):
        if signature is None:
            return arguments, keywords
        try:
            signature.bind(*arguments, **keywords)
        except TypeError as error:
            reason = str(error)
            continue
        return arguments, keywords
    raise DataloaderError(
        f"the sample gives {_told(sample)}, but {type(module).__name__}.forward takes {parameters_of(module)}: "
        f"{reason}",
        "give a tuple with one value per parameter, or a dict whose keys are names of parameters; "
        "to pass a dict as one argument, give ({...},)",
    )


def _told(sample: Any) -> str:
    if isinstance(sample, Mapping):
        return f"the keys {', '.join(map(str, sample))}"
    if not isinstance(sample, tuple | list):
        return f"one value ({type(sample).__name__})"
    return f"{len(sample)} value{'' if len(sample) == 1 else 's'}"


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

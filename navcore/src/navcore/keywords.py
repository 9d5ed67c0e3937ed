"""Unknown keyword arguments are errors that suggest the nearest name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from navcore.errors import UnknownNameError

__all__ = ["checked_keywords"]

P = ParamSpec("P")
T = TypeVar("T")


def checked_keywords(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function, with an UnknownNameError in place of Python's TypeError for a misspelled option."""
    known = tuple(inspect.signature(function).parameters)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        for name in kwargs:
            if name not in known:
                raise UnknownNameError("option", name, known, f"see help({function.__module__}.{function.__name__})")
        return function(*args, **kwargs)

    return checked

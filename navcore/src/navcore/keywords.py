"""Unknown keyword arguments are errors that suggest the nearest name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import attrs

from navcore.errors import UnknownNameError

__all__ = ["checked_keywords", "checked_options"]

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C", bound=type)


def checked_keywords(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function or method, with an UnknownNameError in place of Python's TypeError for a misspelled option.

    What a function takes as `self` counts as no option.
    """
    known = tuple(name for name in inspect.signature(function).parameters if name != "self")

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        for name in kwargs:
            if name not in known:
                raise UnknownNameError(
                    "option", name, known, f"see help({function.__module__}.{function.__qualname__})"
                )
        return function(*args, **kwargs)

    return checked


def checked_options(cls: C) -> C:
    """Return the attrs class, whose constructor raises an UnknownNameError for a field that does not exist."""
    known = tuple(field.alias for field in attrs.fields(cls) if field.init and field.alias)
    construct = cls.__init__  # type: ignore[misc]  # attrs wrote it

    @functools.wraps(construct)
    def checked(self: Any, *values: Any, **options: Any) -> None:
        for name in options:
            if name not in known:
                raise UnknownNameError(f"field of {cls.__name__}", name, known, f"see help({cls.__name__})")
        construct(self, *values, **options)

    cls.__init__ = checked  # type: ignore[misc]  # in the place of what attrs wrote
    return cls

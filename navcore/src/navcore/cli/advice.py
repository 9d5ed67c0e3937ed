"""Says in terms of the command line what to do about samples that are missing, or have other names."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from navcore.errors import DataloaderError

__all__ = ["advice_for_missing_samples", "advice_for_names"]


@contextlib.contextmanager
def advice_for_missing_samples(given: bool) -> Iterator[None]:
    """Name the options that describe samples, unless one was given."""
    try:
        yield
    except DataloaderError as error:
        if given:
            raise
        fix = "describe the inputs, for example --inputs 'x:float32[batch,3]', or name samples with --dataloader"
        raise DataloaderError(error.cause, fix) from error


@contextlib.contextmanager
def advice_for_names(model: Any, names: Sequence[str]) -> Iterator[None]:
    """Name the model's own parameters where it refuses samples of `--inputs` whose names are not among them."""
    try:
        yield
    except DataloaderError as error:
        fix = _renaming(model, names)
        if not fix:
            raise
        raise DataloaderError(error.cause, fix) from error


def _renaming(model: Any, names: Sequence[str]) -> str:
    """Return which names to use; empty where the names are right, or nobody knows."""
    try:
        parameters = inspect.signature(getattr(model, "forward", model)).parameters.values()
    except (TypeError, ValueError):
        return ""
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return ""
    takes = [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    wrong = [name for name in names if name not in takes]
    free = [name for name in takes if name not in names]
    if not wrong or not free:
        return ""
    if len(wrong) == len(free) == 1:
        return f"in --inputs, rename {wrong[0]!r} to {free[0]!r}: the model's parameters are {', '.join(takes)}"
    return f"in --inputs, use the names of the model's parameters: {', '.join(takes)}; not {', '.join(wrong)}"

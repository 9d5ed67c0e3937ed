"""first_samples(): what the user's dataloader gives first."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from navcore.errors import DataloaderError, NavError, any_failure, first_line

__all__ = ["first_samples"]


def first_samples(dataloader: Iterable[Any], count: int) -> list[Any]:
    """Return the first samples, at least one and at most so many.

    Raises:
        DataloaderError: There are none, or the dataloader fails.
    """
    samples = list(itertools.islice(_told(dataloader), count))
    if not samples:
        raise DataloaderError(
            "the dataloader gave no samples",
            "pass at least one sample, for example dataloader=[sample]; a generator that was read before is empty",
        )
    return samples


def _told(dataloader: Iterable[Any]) -> Iterator[Any]:
    """Yield the samples; what goes wrong in the user's own code is said to have gone wrong there."""
    try:
        samples = iter(dataloader)
    except TypeError:
        raise DataloaderError(
            f"the dataloader is a {type(dataloader).__name__}, which cannot be iterated over",
            "pass a list of samples, a torch DataLoader, or another iterable",
        ) from None
    for index in itertools.count():
        try:
            sample = next(samples)
        except StopIteration:
            return
        except NavError:
            raise
        except any_failure() as error:  # the user's dataloader may raise anything
            raise DataloaderError(
                f"the dataloader failed at sample {index}: {type(error).__name__}: {first_line(error)}",
                "iterate over it by hand to see where",
            ) from error
        yield sample

"""Rest: what the dataloader holds beyond the samples that are compared; only the user's verify_func asks for it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import attrs

from navcore.contracts import Infer, Tensors

__all__ = ["Rest", "rest_of"]


@attrs.frozen(eq=False)
class Rest:
    """Samples that are read again for each candidate, and not kept.

    Attributes:
        dataloader: The user's; a new iteration may give the samples in another order.
        skip: Samples at its beginning that are known already.
        described: Gives the inputs of a sample by name.
        reference: Opens the source.
    """

    dataloader: Iterable[Any]
    skip: int
    described: Callable[[Any], Tensors]
    reference: Callable[[], AbstractContextManager[Infer]]

    def inputs(self) -> Iterator[Tensors]:
        """Yield the inputs of every further sample."""
        for sample in itertools.islice(self.dataloader, self.skip, None):
            yield self.described(sample)

    def outputs(self, further: Iterable[Tensors]) -> Iterator[Tensors]:
        """Yield what the source gives for every one of these inputs."""
        with self.reference() as infer:
            for inputs in further:
                yield infer(inputs)


def rest_of(
    dataloader: Iterable[Any] | None,
    read: int,
    described: Callable[[Any], Tensors],
    reference: Callable[[], AbstractContextManager[Infer]],
) -> Rest | None:
    """Return what is left of a dataloader after so many samples; None where it can be iterated over only once."""
    if dataloader is None or isinstance(dataloader, Iterator):
        return None
    return Rest(dataloader, read, described, reference)

"""Rest: what the dataloader holds beyond the samples that are compared; only the user's verify_func asks for it."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import attrs

from navcore.contracts import Infer, Tensors
from navcore.engine.failures import StepFailed, failure_from
from navcore.errors import any_failure

__all__ = ["Rest", "blaming", "rest_of"]


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
        """Yield the inputs of every further sample.

        Raises:
            StepFailed: The dataloader raised.
        """
        with blaming("the dataloader failed: "):
            samples = itertools.islice(self.dataloader, self.skip, None)
        while True:
            with blaming("the dataloader failed: "):
                try:
                    sample = next(samples)
                except StopIteration:
                    return
                inputs = self.described(sample)
            yield inputs

    def outputs(self, further: Iterable[Tensors]) -> Iterator[Tensors]:
        """Yield what the source gives for every one of these inputs.

        Raises:
            StepFailed: The source raised.
        """
        with contextlib.ExitStack() as stack:
            with blaming("the source failed: "):
                infer = stack.enter_context(self.reference())
            for inputs in further:
                with blaming("the source failed: "):
                    outputs = infer(inputs)
                yield outputs


@contextlib.contextmanager
def blaming(whom: str) -> Iterator[None]:
    """Make what is raised a StepFailed whose reason begins so: the user's function, which reads it, is not to blame."""
    try:
        yield
    except any_failure() as error:  # a stranger's code may raise anything
        failure = failure_from(error, io.StringIO(), "")
        raise StepFailed(attrs.evolve(failure, reason=f"{whom}{failure.reason}")) from error


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

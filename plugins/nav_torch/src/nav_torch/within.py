"""Inputs that an artifact is not good for are refused before it runs: native code may read past their ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from navcore.contracts import Infer, Tensors
from navcore.domain import Signature
from navcore.errors import NavError

__all__ = ["SizeError", "within"]


_REMEMBERED = 1024
"""Shapes that were found to be good, since looking takes longer than some native code."""


class SizeError(NavError):
    """Inputs of sizes, or on a device, that an artifact was not compiled for."""


def within(signature: Signature, infer: Infer) -> Infer:
    """Return the Infer with a check of the signature's ranges before it; where there are none, itself.

    The Infer raises a SizeError for a size outside of them.
    """
    if not signature.ranges:
        return infer

    return _Within(signature, infer)


@attrs.frozen(eq=False)
class _Within:
    """The Infer with the check."""

    signature: Signature
    infer: Infer
    _names: tuple[str, ...] = attrs.field(
        init=False, default=attrs.Factory(lambda self: self.signature.input_names, takes_self=True)
    )
    _good: set[tuple[tuple[int, ...], ...]] = attrs.field(factory=set, init=False)

    def __call__(self, feeds: Tensors) -> Tensors:
        self._check(self._shapes(feeds))
        return self.infer(feeds)

    def bind(self, feeds: Tensors) -> Callable[[], Tensors]:
        """Return a step that runs on these very arrays, whose sizes are looked at once."""
        self._check(self._shapes(feeds))
        bind: Callable[[Tensors], Callable[[], Tensors]] | None = getattr(self.infer, "bind", None)
        return (lambda: self.infer(feeds)) if bind is None else bind(feeds)

    def native(self, *tensors: Any) -> Mapping[str, Any]:
        """Run on these very tensors, in the order of the signature, and return tensors by name."""
        self._check(tuple([tensor.shape for tensor in tensors]))
        outputs: Mapping[str, Any] = self.infer.native(*tensors)  # type: ignore[attr-defined]  # as all of torch have
        return outputs

    def _shapes(self, feeds: Tensors) -> tuple[tuple[int, ...], ...]:
        return tuple([feeds[name].shape for name in self._names])

    def _check(self, shapes: tuple[tuple[int, ...], ...]) -> None:
        if shapes in self._good:
            return
        if beyond := self.signature.beyond(dict(zip(self._names, shapes, strict=True))):
            raise SizeError(f"inputs are outside of what was compiled: {beyond}", "give such sizes, or another runner")
        if len(self._good) < _REMEMBERED:
            self._good.add(shapes)

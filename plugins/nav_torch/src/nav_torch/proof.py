"""prove(): run what was just exported at sizes that no sample has, beside what it was made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs
import numpy as np

from nav_torch.export_error import ExportError, headline
from nav_torch.largest import largest_taken
from nav_torch.ranges import narrower
from nav_torch.sizes import input_dimensions, other_sizes, resized, sizes_seen
from navcore.contracts import Array, Infer, Tensors
from navcore.domain import Range, Signature
from navcore.errors import any_failure

__all__ = ["difference", "prove", "prove_other_values"]

_CLOSE = {"float16": 0.1, "bfloat16": 0.1, "float64": 1e-6, "complex128": 1e-6}
_CLOSE_OTHERWISE = 1e-2
"""How far from the source, relative to its largest output, is no matter of size: the engine judges precision."""

_SLACK = 10.0
"""How much farther off it has to be elsewhere than at the example to be called wrong there."""

_MOST_UNEQUAL = 0.1
"""Share of integers that may differ: indices of the largest of equals."""

_FIX = (
    "take sizes from tensor.shape in forward, not from Python numbers; or, if one size is all that you need, give "
    "samples of that size with batching=False"
)
_FIX_BRANCH = "keep the branch: use torchscript-script, or write it as torch.where or torch.cond"


def prove(
    signature: Signature,
    examples: Sequence[Tensors],
    reference: Infer,
    artifact: Infer,
    *,
    found: Mapping[str, Range] | None = None,
    ends: bool = False,
) -> Signature:
    """Return the signature with the ranges of sizes that an artifact is good for.

    Each named dimension of the inputs is run at a size that no example has. It is also run below the smallest size that
    torch found, or else at 1: torch takes every dimension to be 2 or more, and more where it has chosen an operator by
    the size of the example, but what it writes may be right there, and may be wrong without a check. A size that the
    reference itself refuses says nothing.

    Args:
        signature: Of the source, with the ranges that it has itself.
        examples: Of the source; the first is the one that it was exported with.
        reference: The source.
        artifact: What was made of it, loaded from its file.
        found: Sizes that torch found for each dimension; where it found none, there are no limits that it knows of.
        ends: Whether to find the largest size that the source takes where none is known. It is called with sizes that
            it may refuse, which on a GPU can end the process.

    Raises:
        ExportError: The artifact refuses a size that the source takes, or gives something else.
    """
    case = _Case(signature, tuple(examples), reference, artifact)
    ranges = {each.dimension: each for each in signature.ranges}
    for dimension in input_dimensions(signature):
        known = ranges.get(dimension, Range(dimension))
        limits = narrower(known, (found or {}).get(dimension, Range(dimension)))
        case.try_others(limits)
        if ends and limits.largest is None and dimension != signature.batch:
            limits = attrs.evolve(limits, largest=largest_taken(dimension, signature, case.examples, reference))
        ranges[dimension] = case.tried_below(limits, known)
    limited = (each for _, each in sorted(ranges.items()) if each.smallest > 1 or each.largest is not None)
    return attrs.evolve(signature, ranges=tuple(limited))


@attrs.frozen(eq=False)
class _Case:
    """Source and artifact, side by side."""

    signature: Signature
    examples: tuple[Tensors, ...]
    reference: Infer
    artifact: Infer

    def try_others(self, limits: Range) -> None:
        """Run at other sizes until the artifact is right at one; raise where it is wrong, or refuses them all."""
        if limits.smallest == limits.largest:
            raise self._baked_in(limits.dimension, f"it takes {limits.smallest} only")
        refusal = ""
        others = [size for size in other_sizes(limits.dimension, self.signature, self.examples) if size in limits]
        if not others and limits.smallest > 1:
            others = [limits.smallest + 1]
        for size in others:
            feeds = resized(limits.dimension, size, self.signature, self.examples)
            expected = self._expected(feeds)
            if expected is None:
                continue
            try:
                got = self.artifact(feeds)
            except Exception as error:  # torch raises many classes where a shape does not fit
                refusal = refusal or f"at {size} it raises {type(error).__name__}: {headline(error)}"
                continue
            reason = difference(expected, got, slack=_SLACK)
            if reason and self._agrees_on_an_example():
                raise self._baked_in(limits.dimension, f"at {size} {reason}")
            return
        if refusal:
            self._check_runs()
            raise self._baked_in(limits.dimension, refusal)

    def tried_below(self, limits: Range, known: Range) -> Range:
        """Return the limits, with what is below them where the artifact is right there, but not below what is known."""
        seen = sizes_seen(limits.dimension, self.signature, self.examples)
        others = other_sizes(limits.dimension, self.signature, self.examples)
        edge = max(limits.smallest, 2)
        below = {size for size in (1, edge - 1, *seen, *others) if 0 < size < edge and size in known}
        answers = {size: self._is_right_at(limits.dimension, size) for size in sorted(below)}
        if False in answers.values():
            return attrs.evolve(limits, smallest=edge)
        right = [size for size, answer in answers.items() if answer]
        return attrs.evolve(limits, smallest=min(max(limits.smallest, 1), *right)) if right else limits

    def _is_right_at(self, dimension: str, size: int) -> bool | None:
        """Return whether the artifact gives what the source does; None where the source takes no such size."""
        feeds = resized(dimension, size, self.signature, self.examples)
        expected = self._expected(feeds)
        if expected is None:
            return None
        try:
            return not difference(expected, self.artifact(feeds))
        except Exception:  # torch raises many classes where a shape does not fit
            return False

    def _expected(self, feeds: Tensors) -> Tensors | None:
        """Return what the source gives, or None where it takes no such size."""
        try:
            return self.reference(feeds)
        except any_failure():  # the user's module may refuse a size in any way
            return None

    def _check_runs(self) -> None:
        """Refuse an artifact that cannot be run where it was made either: no size is to blame then."""
        try:
            self.artifact(self.examples[0])
        except Exception as error:  # torch raises many classes
            reason = f"{type(error).__name__}: {headline(error)}"
            raise ExportError(f"it was made, and cannot be run: it raises {reason}", "use another route") from error

    def _agrees_on_an_example(self) -> bool:
        """Return whether the artifact is right where it was made; if not, comparing it will say how it is wrong."""
        feeds = self.examples[0]
        return not difference(self.reference(feeds), self.artifact(feeds))

    def _baked_in(self, dimension: str, reason: str) -> ExportError:
        what = "batch" if dimension == self.signature.batch else dimension
        seen = sizes_seen(dimension, self.signature, self.examples[:1])
        return ExportError(f"{what} size {', '.join(map(str, seen))} was baked in: {reason}", _FIX)


def prove_other_values(signature: Signature, examples: Sequence[Tensors], reference: Infer, artifact: Infer) -> None:
    """Run a trace on other values: a branch that depends on them was frozen as the example took it, and so are numbers.

    All floating-point inputs with the other sign, and each integer and flag that is an input of its own.

    Raises:
        ExportError: The trace gives something else than the source there, and not on the example itself.
    """
    case = _Case(signature, tuple(examples), reference, artifact)
    for how, feeds in _other_values(examples[0]):
        expected = case._expected(feeds)
        if expected is None:
            continue
        try:
            reason = difference(expected, artifact(feeds), slack=_SLACK)
        except Exception as error:  # torch raises many classes
            reason = f"it raises {type(error).__name__}: {headline(error)}"
        if reason and case._agrees_on_an_example():
            raise ExportError(
                f"a branch that depends on values was frozen: on the example with {how} {reason}", _FIX_BRANCH
            )


def _other_values(feeds: Tensors) -> Iterator[tuple[str, Tensors]]:
    """Yield inputs with other values, after half a sentence that says which."""
    turned = {name: -array for name, array in feeds.items() if array.dtype.kind == "f"}
    if turned:
        yield "its sign turned", {**feeds, **turned}
    for name, array in feeds.items():
        if array.size == 1 and array.dtype.kind in "biu":
            flag = array.dtype.kind == "b"
            other = np.asarray(~array if flag else np.where(array > 1, array - 1, array + 1), array.dtype)
            yield f"{name} = {other.item()}", {**feeds, name: other}


def difference(expected: Tensors, got: Tensors, slack: float = 1.0) -> str:
    """Return how outputs differ by more than precision, as `output__0 is [2, 3] in place of [3, 3]`, or nothing.

    Args:
        expected, got: One mapping each; what is not expected is not looked at.
        slack: How many times farther off than usual floating-point numbers may be.
    """
    for name, right in expected.items():
        if name not in got:
            return f"{name} is missing"
        if right.shape != got[name].shape:
            return f"{name} is {list(got[name].shape)} in place of {list(right.shape)}"
        if not _is_close(right, got[name], slack):
            return f"{name} is wrong"
    return ""


def _is_close(right: Array, got: Array, slack: float) -> bool:
    if right.dtype.kind in "iub":
        return right.size == 0 or float(np.mean(right != got)) <= _MOST_UNEQUAL
    close = _CLOSE.get(right.dtype.name, _CLOSE_OTHERWISE)
    left, other = (array.astype(np.complex128 if array.dtype.kind == "c" else np.float64) for array in (right, got))
    finite = np.isfinite(left)
    largest = float(np.abs(left[finite]).max(initial=0.0))
    return bool(np.allclose(other, left, rtol=0.0, atol=slack * close * largest + 1e-6, equal_nan=True))

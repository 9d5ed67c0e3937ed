"""largest_taken(): where the model itself ends, since not everything that is made of it notices."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence

from nav_torch.sizes import resized, sizes_seen
from navcore.contracts import Infer, Tensors
from navcore.domain import Signature
from navcore.errors import any_failure

__all__ = ["largest_taken"]

_MOST_DOUBLINGS = 8
_MOST_VALUES = 2**22
"""Of all inputs together: 16 MiB of float32."""

_MOST_SECONDS = 0.5
"""A call that takes longer is the last one."""


def largest_taken(
    dimension: str,
    signature: Signature,
    examples: Sequence[Tensors],
    reference: Infer,
    clock: Callable[[], float] = time.monotonic,
) -> int | None:
    """Return the largest size of a dimension that a model takes, or None where it took all that were tried.

    A table of positions ends at 512, say. The module refuses more; an ONNX file has no such check, and runtimes read
    what lies behind the table. Sizes are doubled, and where the model refuses one, the end is sought by halving, in
    steps of what all sizes of the examples are multiples of. A model that also refuses every smaller size that is tried
    gives None: its dimensions change together, and one alone says nothing.

    Args:
        dimension: A named dimension of the inputs, and not the batch.
        signature, examples: Of the model.
        reference: The model.
        clock: In seconds.
    """
    seen = sizes_seen(dimension, signature, examples)
    step = math.gcd(*seen)

    def takes(size: int) -> bool:
        feeds = resized(dimension, size, signature, examples)
        if sum(array.size for array in feeds.values()) > _MOST_VALUES:
            raise _EnoughError
        start = clock()
        try:
            reference(feeds)
        except any_failure():  # the user's module may refuse a size in any way
            return False
        if clock() - start > _MOST_SECONDS:
            raise _EnoughError
        return True

    good = max(seen)
    try:
        doubled = (good << power for power in range(1, _MOST_DOUBLINGS + 1))
        refused = next((size for size in doubled if not takes(size)), None)
        if refused is None or not any(takes(size) for size in _smaller(min(seen), step)):
            return None
    except _EnoughError:
        return None
    good = max(good, refused // 2)
    with contextlib.suppress(_EnoughError):
        while refused - good > step:
            middle = good + (refused - good) // (2 * step) * step
            good, refused = (middle, refused) if takes(middle) else (good, middle)
    return good


class _EnoughError(Exception):
    """Further sizes would take too long."""


def _smaller(size: int, step: int) -> Sequence[int]:
    return [smaller for smaller in (size - step, size // 2, size - 1) if smaller > 0]

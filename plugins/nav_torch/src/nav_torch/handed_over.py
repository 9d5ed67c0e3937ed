"""Outputs become arrays, without a copy where nobody else holds their memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from nav_torch.tensors import is_plain, to_array
from navcore.contracts import Array

__all__ = ["handed_over"]

_OURS = 2  # the array's own tensor, and the storage that counting makes of it

_SMALL_BYTES = 4096
"""Up to here, copying takes no longer than asking."""


def handed_over(outputs: dict[str, Any]) -> dict[str, Array]:
    """Return tensors as arrays that are the caller's alone, in the order of the names; the dict is empty afterwards.

    Copying takes longer than many a model. A tensor's memory is passed on where it holds that tensor and nothing else,
    an allocator of torch owns it, and no other tensor shares it: no buffer, no input, nothing that was kept for the
    next call, in Python or in native code.

    Raises:
        DataloaderError: As for `to_array`.
    """
    count = _count()
    arrays: dict[str, Array] = {}
    for name in tuple(outputs):
        tensor = outputs.pop(name)
        if not is_plain(tensor):
            arrays[name] = to_array(tensor)
            continue
        storage, nbytes = tensor.untyped_storage(), tensor.nbytes
        # Asked first, since an array of its memory makes any storage one that cannot be resized.
        alone = nbytes > _SMALL_BYTES and storage.nbytes() == nbytes and storage.resizable()
        array = tensor.detach().numpy()
        del tensor  # by now, only somebody else can hold it
        owned = alone and count(storage._cdata) == _OURS
        arrays[name] = array if owned else array.copy("K")
    return arrays


@functools.cache
def _count() -> Callable[[int], int]:
    """Return torch's count of who holds a storage, which is private (torch 2.13); where it is gone, many do."""
    import torch

    count: Callable[[int], int] = getattr(torch._C, "_storage_Use_Count", lambda _: _OURS + 1)
    return count

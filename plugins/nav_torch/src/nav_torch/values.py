"""Values of tensors, remembered: small ones in memory, large ones in a file, since they may be the whole model."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, Any, Protocol

import attrs
import numpy as np

from nav_torch.weights import LARGE_BYTES
from navcore.contracts import Array

__all__ = ["Store", "Values", "same_bits"]

_PIECE = 1 << 24


class Values(Protocol):
    """What a tensor held."""

    def are_in(self, tensor: Any) -> bool:
        """Return whether the tensor holds them, bit by bit."""
        ...

    def write_to(self, tensor: Any) -> None:
        """Give them to the tensor."""
        ...


@attrs.define(eq=False)
class Store:
    """Remembers values of the tensors of one module; its file is gone with it, and with what it remembered.

    Attributes:
        most_in_memory: Bytes that it keeps in memory at most.
    """

    most_in_memory: int = LARGE_BYTES
    _in_memory: int = 0
    _file: IO[bytes] | None = None

    def keep(self, tensor: Any) -> Values:
        """Return the present values of a tensor, which must not be written to meanwhile."""
        if self._in_memory + tensor.nbytes > self.most_in_memory and _is_plain(tensor):
            try:
                return self._on_disk(tensor)
            except OSError:  # a full disk: in memory there may be room yet
                pass
        self._in_memory += tensor.nbytes
        return _InMemory(tensor.detach().clone())

    def _on_disk(self, tensor: Any) -> Values:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed with its last user
        offset = self._file.seek(0, 2)
        for piece in _pieces(tensor):
            piece.tofile(self._file)
        return _OnDisk(self._file, offset)


@attrs.frozen(eq=False)
class _InMemory:
    """A copy."""

    copy: Any

    def are_in(self, tensor: Any) -> bool:
        return same_bits(tensor, self.copy)

    def write_to(self, tensor: Any) -> None:
        tensor.copy_(self.copy)


@attrs.frozen(eq=False)
class _OnDisk:
    """A part of a file, which is read piece by piece."""

    file: IO[bytes]
    offset: int

    def are_in(self, tensor: Any) -> bool:
        if not _is_plain(tensor):
            return False
        self.file.seek(self.offset)
        return all(np.array_equal(piece, np.fromfile(self.file, np.uint8, piece.size)) for piece in _pieces(tensor))

    def write_to(self, tensor: Any) -> None:
        self.file.seek(self.offset)
        for piece in _pieces(tensor):
            piece[:] = np.fromfile(self.file, np.uint8, piece.size)


def _is_plain(tensor: Any) -> bool:
    """Return whether the bytes of a tensor lie in order in this process's memory."""
    if tensor.is_quantized or tensor.is_conj() or tensor.is_neg():
        return False
    return bool(tensor.device.type == "cpu" and tensor.is_contiguous())


def _pieces(tensor: Any) -> Iterator[Array]:
    """Yield the memory of a plain tensor, piece by piece."""
    import torch

    data = tensor.detach().reshape(-1).view(torch.uint8).numpy()
    return (data[start : start + _PIECE] for start in range(0, data.size, _PIECE))


def same_bits(left: Any, right: Any) -> bool:
    """Return whether two tensors are of one kind and hold the same, nan being equal to itself."""
    import torch

    if (left.dtype, left.shape, left.device) != (right.dtype, right.shape, right.device):
        return False
    if left.is_quantized:
        return bool(torch.equal(left, right))
    return bool(torch.equal(_bits(left), _bits(right)))


def _bits(tensor: Any) -> Any:
    import torch

    plain = tensor.detach().resolve_conj().resolve_neg()
    return plain.contiguous().reshape(-1).view(torch.uint8)

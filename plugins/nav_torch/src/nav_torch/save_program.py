"""save_program(): writes an exported program without holding its largest tensor three times."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["save_program"]

_LARGE_BYTES = 1 << 20
"""Below, a copy is no matter."""


def save_program(program: Any, out: Path) -> None:
    """Write the program as `torch.export.save` does; beside it, memory takes one copy of one tensor at a time."""
    import torch

    with _records_by_reference():
        torch.export.save(program, out)


@contextmanager
def _records_by_reference() -> Iterator[None]:
    """Let torch 2.13 hand tensors to its zip writer as storages.

    It makes `bytes` of each tensor, which the writer, as it chooses among its overloads, copies into a C++ string: a
    model that is one table of embeddings took 3.0 times its size. Drop when torch.export.save writes storages.
    """
    try:
        from torch.export.pt2_archive._package import PT2ArchiveWriter
    except ImportError:  # another torch, which may write otherwise
        yield
        return
    write_bytes = PT2ArchiveWriter.write_bytes
    PT2ArchiveWriter.write_bytes = _by_reference(write_bytes)
    try:
        yield
    finally:
        PT2ArchiveWriter.write_bytes = write_bytes


def _by_reference(write_bytes: Any) -> Any:
    def write(writer: Any, name: str, data: bytes) -> None:
        import torch

        if len(data) < _LARGE_BYTES:
            write_bytes(writer, name, data)
            return
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given buffer is not writable", UserWarning)  # nor is it written to
            storage = torch.frombuffer(data, dtype=torch.uint8).untyped_storage()
        writer.archive_file.write_record(name, storage, len(data))

    return write

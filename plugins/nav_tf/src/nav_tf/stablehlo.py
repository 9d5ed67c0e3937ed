"""SavedModels that JAX wrote."""

from __future__ import annotations

import mmap
from pathlib import Path

__all__ = ["holds_stablehlo"]

_OPERATOR = b"XlaCallModule"


def holds_stablehlo(folder: Path) -> bool:
    """Return whether a SavedModel has StableHLO inside, as jax2tf writes it; its operator's name stands in the file."""
    graph = folder / "saved_model.pb"
    if not graph.is_file() or not graph.stat().st_size:
        return False
    with graph.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(_OPERATOR) >= 0

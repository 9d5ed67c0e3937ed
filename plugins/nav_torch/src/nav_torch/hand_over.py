"""The user's module in another process of the same run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nav_torch.untouched import evaluating
from navcore.contracts import Model

__all__ = ["hand_over", "take_over"]

_FILE = "module.pt"


def hand_over(model: Model, folder: Path) -> str | None:
    """Write the module and its call, and return who reads them; None for what another process cannot import.

    By torch.save, which pickles: the file is written by the user's process, read by the worker that this process has
    started, and gone with the run. It never comes from elsewhere.
    """
    import torch

    parts = {type(part).__module__ for part in model.object.modules()}
    if "__main__" in parts:
        return None
    with evaluating(model.object):
        torch.save({"module": model.object, "call": model.call}, folder / _FILE)
    return f"{__name__}:take_over"


def take_over(folder: Path) -> tuple[Any, Any]:
    """Return the module and its call."""
    import torch

    held = torch.load(folder / _FILE, weights_only=False)
    return held["module"], held["call"]

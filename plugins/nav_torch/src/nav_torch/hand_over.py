"""The user's module in another process of the same run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nav_torch.untouched import evaluating
from navcore.contracts import Model

__all__ = ["hand_over", "take_over"]

_FILE = "module.pt"
_DEEPEST = 100
_LIGHT_BYTES = 256 * 1024**2


def hand_over(model: Model, folder: Path, asked: bool) -> str | None:
    """Write the module and its call, and return who reads them; None for what another process cannot import.

    Unless it is asked for, a module on a GPU, or one with more than 256 MiB of parameters and buffers, stays here.

    By torch.save, which pickles: the file is written by the user's process, read by the worker that this process has
    started, and gone with the run. It never comes from elsewhere.
    """
    import torch

    if _depth(model.object) > _DEEPEST:  # pickling it would need so much of the C stack that the process could die
        return None
    if "__main__" in {type(part).__module__ for part in model.object.modules()}:
        return None
    if not asked and not _is_light(model.object):
        return None
    with evaluating(model.object):
        torch.save({"module": model.object, "call": model.call}, folder / _FILE)
    return f"{__name__}:take_over"


def _depth(module: Any) -> int:
    """Return how deep modules are nested, level by level: recursion is what is to be avoided."""
    level, depth = [module], 0
    while level and depth <= _DEEPEST:
        level = [child for each in level for child in each.children()]
        depth += 1
    return depth


def _is_light(module: Any) -> bool:
    tensors = [*module.parameters(), *module.buffers()]
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return size <= _LIGHT_BYTES and all(tensor.device.type == "cpu" for tensor in tensors)


def take_over(folder: Path) -> tuple[Any, Any]:
    """Return the module and its call."""
    import torch

    held = torch.load(folder / _FILE, weights_only=False)
    return held["module"], held["call"]

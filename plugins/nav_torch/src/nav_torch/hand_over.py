"""The user's module in another process of the same run: written once, and mapped there."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

from nav_torch.untouched import evaluating
from nav_torch.weights import weights_bytes, weights_devices
from navcore.contracts import Model

__all__ = ["hand_over", "stays_here", "take_over"]

_LOGGER = logging.getLogger(__name__)
_FILE = "module.pt"
_DEEPEST = 100
_ROOM = 2
"""How many times the size of the module has to be free on the disk: artifacts are written there as well."""


def hand_over(model: Model, folder: Path, asked: bool) -> str | None:
    """Write the module and its call, and return who reads them; None for what stays in this process.

    Unless it is asked for, a module on a GPU stays here, and one for whose copy the disk has little room.

    By torch.save, which pickles: the file is written by the user's process, read by the worker that this process has
    started, and gone with the run. It never comes from elsewhere. It is written piece by piece, so it takes no memory
    here.
    """
    import torch

    reason = stays_here(model.object) or (None if asked else _too_dear(model.object, folder))
    if reason is not None:
        _LOGGER.debug("%s is not handed to a worker: %s", type(model.object).__name__, reason)
        return None
    held = {"module": model.object, "call": model.call, "dtype": torch.get_default_dtype()}
    with evaluating(model.object):
        torch.save(held, folder / _FILE)
    return f"{__name__}:take_over"


def stays_here(module: Any) -> str | None:
    """Return why no other process can have the module, in half a sentence, or None where it can."""
    if _depth(module) > _DEEPEST:  # pickling it would need so much of the C stack that the process could die
        return f"its modules are nested more than {_DEEPEST} deep"
    local = sorted({type(part).__qualname__ for part in module.modules() if type(part).__module__ == "__main__"})
    if local:
        return f"its class {local[0]} is defined in the script that was started, which no other process can import"
    return None


def _too_dear(module: Any, folder: Path) -> str | None:
    devices = weights_devices(module)
    if devices - {"cpu"}:
        return f"it is on {', '.join(sorted(devices - {'cpu'}))}"
    size, free = weights_bytes(module), shutil.disk_usage(folder).free
    if _ROOM * size > free:
        return f"it takes {size} bytes, and {folder} has {free} left, less than {_ROOM} times as many"
    return None


def _depth(module: Any) -> int:
    """Return how deep modules are nested, level by level: recursion is what is to be avoided."""
    level, depth = [module], 0
    while level and depth <= _DEEPEST:
        level = [child for each in level for child in each.children()]
        depth += 1
    return depth


def take_over(folder: Path) -> tuple[Any, Any]:
    """Return the module and its call.

    The file is mapped: all modules that are read from it share its pages in the system's cache, and what one of them
    writes to becomes its own. What the module makes while it runs has the dtype that it has in the user's process.
    """
    import torch

    held = torch.load(folder / _FILE, weights_only=False, mmap=True)
    torch.set_default_dtype(held["dtype"])
    return held["module"], held["call"]

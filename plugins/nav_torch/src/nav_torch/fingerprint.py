"""A text that changes whenever what a live module computes could change."""

from __future__ import annotations

import logging
from typing import Any

from nav_torch.contents import Contents, OpaqueError

__all__ = ["fingerprint"]

_LOGGER = logging.getLogger(__name__)


def fingerprint(module: Any) -> str | None:
    """Return the SHA-256 of everything that a module's forward depends on, or None where that cannot be told.

    That is: the tree of submodules with their classes, plain attributes, parameters and buffers; the code of the
    classes and of what it refers to; the version of torch and of other installed packages in it. Not: training mode
    and what needs gradients. None: for hooks, for modules of TorchScript, and for attributes that cannot be looked
    into, such as open files, random generators, and objects of extension modules.
    """
    import torch

    contents = Contents(torch)
    try:
        contents.add(f"torch {torch.__version__} {torch.get_default_dtype()}")
        contents.add_value(module)
    except OpaqueError as error:
        _LOGGER.info("%s has no fingerprint, so nothing made from it is cached: %s", type(module).__name__, error)
        return None
    except RecursionError:
        _LOGGER.info("%s has no fingerprint, so nothing made from it is cached: cyclic", type(module).__name__)
        return None
    return contents.hexdigest()

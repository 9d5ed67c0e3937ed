"""The user's function in another process of the same run: pickled once, and read there."""

from __future__ import annotations

import logging
import pickle
import shutil
from pathlib import Path
from typing import Any

from nav_jax.arrays import is_array
from nav_jax.describe import model_of
from navcore.contracts import Model

__all__ = ["hand_over", "take_over"]

_LOGGER = logging.getLogger(__name__)
_FILE = "model.pickle"
_ROOM = 2
"""How many times the size of the parameters has to be free on the disk: artifacts are written there as well."""

_SETTINGS = ("jax_enable_x64", "jax_default_matmul_precision", "jax_numpy_dtype_promotion", "jax_default_prng_impl")
"""What a function computes depends on these, too (jax 0.10)."""


def hand_over(model: Model, folder: Path, asked: bool) -> str | None:
    """Write the function with its parameters, and return who reads them; None for what stays in this process.

    Unless it is asked for, a model stays here where JAX has a GPU, of which each process takes most of the memory, or
    where the disk has little room. What cannot be pickled stays here, such as functions inside of functions and
    lambdas. The file is written by the user's process, read by the worker that this process has started, and gone with
    the run; it never comes from elsewhere.
    """
    import jax

    reason = None if asked else _too_dear(model.object, folder)
    if reason is None:
        settings = {name: getattr(jax.config, name) for name in _SETTINGS}
        held = {"model": model_of(model.object), "call": model.call, "settings": settings}
        try:
            with (folder / _FILE).open("wb") as file:
                pickle.dump(held, file, protocol=pickle.HIGHEST_PROTOCOL)
        except OSError:
            raise
        except Exception as error:  # whatever the user's objects raise as they are pickled
            reason = f"it cannot be pickled: {error}"
    if reason is not None:
        _LOGGER.debug("%s is not handed to a worker: %s", model_of(model.object).name, reason)
        return None
    return f"{__name__}:take_over"


def take_over(folder: Path) -> tuple[Any, Any]:
    """Return the model and its call, with JAX set as in the user's process."""
    import jax

    with (folder / _FILE).open("rb") as file:
        held = pickle.load(file)  # noqa: S301  # this run's own process wrote it
    for name, value in held["settings"].items():
        jax.config.update(name, value)
    return held["model"], held["call"]


def _too_dear(given: Any, folder: Path) -> str | None:
    import jax

    if jax.default_backend() != "cpu":
        return f"JAX computes on {jax.default_backend()}"
    _, params = model_of(given).pure()
    size = sum(leaf.nbytes for leaf in jax.tree_util.tree_leaves(params) if is_array(leaf))
    free = shutil.disk_usage(folder).free
    if _ROOM * size > free:
        return f"it takes {size} bytes, and {folder} has {free} left, less than {_ROOM} times as many"
    return None

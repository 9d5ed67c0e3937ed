"""A Keras model in another process of the same run: written once, and read there."""

from __future__ import annotations

import logging
import math
import pickle
import shutil
from pathlib import Path
from typing import Any

from nav_tf.framework import load_tensorflow
from nav_tf.source import is_keras
from navcore.contracts import Model

__all__ = ["hand_over", "take_over"]

_LOGGER = logging.getLogger(__name__)
_MODEL, _CALL = "model.keras", "call.pickle"
_ROOM = 2
"""How many times the size of the model has to be free on the disk: artifacts are written there as well."""


def hand_over(model: Model, folder: Path, asked: bool) -> str | None:
    """Write a Keras model and its call, and return who reads them; None for what stays in this process.

    The files are written by the user's process, read by the worker that this process has started, and gone with the
    run; they never come from elsewhere. So Lambda layers are read as well. Classes of the user's that a worker cannot
    find make reading fail, and then the model stays here.
    """
    import keras

    if not isinstance(model.object, keras.Model) or not is_keras(model.object):
        return None
    size = sum(map(_size_bytes, model.object.variables))
    if not asked and shutil.disk_usage(folder).free < _ROOM * size:
        return None
    try:
        model.object.save(folder / _MODEL)
        (folder / _CALL).write_bytes(pickle.dumps(model.call))
    except Exception as error:  # a layer of the user's may refuse to be saved in any way
        _LOGGER.debug("%s is not handed to a worker: %s", type(model.object).__name__, error)
        return None
    return f"{__name__}:take_over"


def take_over(folder: Path) -> tuple[Any, Any]:
    """Return the model and its call."""
    load_tensorflow()
    import keras

    call = pickle.loads((folder / _CALL).read_bytes())  # noqa: S301  # this run's own process wrote it
    return keras.saving.load_model(folder / _MODEL, compile=False, safe_mode=False), call


def _size_bytes(variable: Any) -> int:
    """Return how many bytes a variable takes; at most, where its dtype is none of NumPy's."""
    import numpy as np

    try:
        each = int(np.dtype(variable.dtype).itemsize)
    except TypeError:
        each = 8
    count: int = math.prod(variable.shape)
    return count * each

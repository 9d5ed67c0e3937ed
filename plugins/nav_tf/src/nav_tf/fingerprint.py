"""A text that changes whenever what a model computes could change."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nav_tf.device import installed_version
from nav_tf.source import is_keras

__all__ = ["fingerprint"]


def fingerprint(model: Any) -> str | None:
    """Return the SHA-256 of a SavedModel's files, or of a Keras model's configuration and weights; None for others.

    None also for a Keras model with code that is not Keras's own, such as a subclass or a Lambda layer: its
    configuration does not tell what that computes.
    """
    if isinstance(model, str | os.PathLike):
        return _of_folder(Path(os.fsdecode(model)))
    return _of_keras(model) if is_keras(model) else None


def _of_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(folder).as_posix()} {file.stat().st_size}\n".encode())
        with file.open("rb") as content:
            while chunk := content.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def _of_keras(model: Any) -> str | None:
    import keras
    import numpy as np

    if not type(model).__module__.startswith("keras."):
        return None
    config = keras.saving.serialize_keras_object(model)
    if any(not _is_own(part) for part in _parts(config)):
        return None
    versions = f"{installed_version()} {keras.__version__} {keras.config.floatx()}"
    digest = hashlib.sha256(f"{versions} {json.dumps(config, sort_keys=True, default=repr)}".encode())
    for variable in model.variables:
        array = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        digest.update(f"{variable.path} {array.dtype} {array.shape}\n".encode())
        digest.update(array.view(np.uint8).data if array.ndim else array.tobytes())
    return digest.hexdigest()


def _parts(config: Any) -> Iterator[dict[str, Any]]:
    """Yield the description of every object in a configuration, and what is a value without a class."""
    if isinstance(config, dict):
        if "class_name" in config or config.keys() == {"value"}:
            yield config
        for value in config.values():
            yield from _parts(value)
    elif isinstance(config, list | tuple):
        for value in config:
            yield from _parts(value)


def _is_own(part: dict[str, Any]) -> bool:
    """Return whether an object is one of Keras, and holds no code of the user's."""
    if "class_name" not in part:  # the byte code of a lambda that is an activation (keras 3.15)
        return False
    name, module = str(part["class_name"]), part.get("module")
    code = name in ("__lambda__", "Lambda", "function", "TFSMLayer", "TorchModuleWrapper", "JaxLayer")
    # What Keras's own registry knows by name is of a module `builtins` or of none: numbers, texts and lists.
    return not code and not part.get("registered_name") and (module is None or module.startswith(("keras", "builtins")))

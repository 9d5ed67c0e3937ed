"""What is a model of TensorFlow, and what it takes; judged by what is imported already."""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path
from typing import Any

from navcore.errors import UsageError
from navcore.formats import Format

__all__ = ["call_signature", "callable_of", "is_keras", "model_name", "recognise"]

_FILES = ("saved_model.pb", "saved_model.pbtxt")
_KERAS_OWN = ("training", "mask")
"""Parameters that Keras fills in itself."""


def recognise(model: Any) -> Format | None:
    """Return the format of a SavedModel folder or of an object of TensorFlow or Keras, None for others."""
    if isinstance(model, str | os.PathLike):
        folder = Path(os.fsdecode(model))
        return Format.TF_SAVEDMODEL if any((folder / name).is_file() for name in _FILES) else None
    if is_keras(model):
        # Keras on PyTorch makes modules of PyTorch, which nav-torch takes.
        return None if sys.modules["keras"].backend.backend() == "torch" else Format.TENSORFLOW
    return Format.TENSORFLOW if _is_function(model) or _is_trackable(model) else None


def is_keras(model: Any) -> bool:
    """Return whether it is a layer or a model of Keras 3."""
    return isinstance(model, getattr(sys.modules.get("keras"), "Layer", ()))


def callable_of(model: Any) -> Any:
    """Return what is called: the model, unless TensorFlow cannot call it.

    Raises:
        UsageError: It has no `__call__`, or is a model of Keras that does not run on TensorFlow.
    """
    if is_keras(model) and (backend := sys.modules["keras"].backend.backend()) != "tensorflow":
        raise UsageError(
            f"{type(model).__name__} is a model of Keras on {backend}, and nav-tf runs those on TensorFlow",
            "set KERAS_BACKEND=tensorflow before keras is imported, save the model and load it again",
        )
    if callable(model):
        return model
    if signatures := getattr(model, "signatures", None):
        name = next(iter(signatures))
        raise UsageError(
            "the model is a loaded SavedModel, which cannot be called",
            f"give the path of its folder, or one of its functions: model.signatures[{name!r}]",
        )
    functions = [name for name in dir(type(model)) if _is_function(getattr(type(model), name, None))]
    told = f"give one of its functions: model.{functions[0]}" if functions else "give it a method __call__"
    raise UsageError(f"{type(model).__name__} is a tf.Module without __call__", told)


def call_signature(model: Any) -> tuple[inspect.Signature | None, inspect.Signature | None]:
    """Return what a model takes, without and with what Keras fills in itself; None where it does not tell."""
    if is_keras(model):
        full = _told(model.call)
        if full is None:
            return None, None
        kept = [each for name, each in full.parameters.items() if name not in _KERAS_OWN]
        return full.replace(parameters=kept), full
    target = getattr(model, "function_type", None) if _is_function(model) else model.__call__
    full = target if isinstance(target, inspect.Signature) else _told(target if target is not None else model)
    return full, full


def model_name(model: Any) -> str:
    """Return the name of a function, or of the class."""
    return getattr(model, "__name__", None) or type(model).__name__


def _told(function: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # a callable made in C, or one that tells otherwise
        return None


def _is_function(value: Any) -> bool:
    """Return whether it is a tf.function, or a concrete one."""
    types = getattr(getattr(sys.modules.get("tensorflow"), "types", None), "experimental", None)
    return isinstance(value, tuple(getattr(types, name) for name in ("GenericFunction", "Callable") if types))


def _is_trackable(value: Any) -> bool:
    """Return whether it is a tf.Module, or what tf.saved_model.load returns."""
    tensorflow = sys.modules.get("tensorflow")
    if isinstance(value, getattr(tensorflow, "Module", ())):
        return True
    return tensorflow is not None and hasattr(value, "signatures") and hasattr(value, "tensorflow_version")

"""What `model.export` of Keras is given, and for which models it keeps the names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nav_tf.export_savedmodel import tensor_specs
from nav_tf.source import is_keras
from navcore.contracts import Model

__all__ = ["graph_name", "input_signature", "unexportable"]


def unexportable(model: Model) -> str | None:
    """Return why Keras cannot export the live model as it is called, as one sentence, or None."""
    if not (is_keras(model.object) and hasattr(model.object, "export")):
        return f"Keras exports models of its own only, and this is a {type(model.object).__name__}"
    arguments, keywords = model.call.arguments(model.call.inputs)
    if keywords or model.call.constants:
        return "Keras exports what takes tensors by position only, and the samples give something else besides"
    for argument in arguments:
        held = argument if isinstance(argument, Mapping) else {}
        leaves = (*held.values(), *argument) if isinstance(argument, list | tuple) else tuple(held.values())
        if any(key != name for key, name in held.items()) or not all(isinstance(leaf, str) for leaf in leaves):
            return "Keras's export keeps the names of tensors and of flat lists and dicts only, and these are nested"
    return None


def input_signature(model: Model) -> list[Any]:
    """Return the arguments of a call with `tf.TensorSpec` in place of tensors; dicts as TensorFlow orders them."""
    specs = tensor_specs(model.signature.inputs)
    arguments, _ = model.call.arguments(specs[name] for name in model.call.inputs)
    return [dict(sorted(each.items())) if isinstance(each, Mapping) else each for each in arguments]


def graph_name(place: int) -> str:
    """Return the name that TensorFlow gives an output that is in no dict."""
    return f"Identity_{place}:0" if place else "Identity:0"

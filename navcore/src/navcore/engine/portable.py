"""Models on disk and signatures as JSON, for workers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from navcore.contracts import Array, Model, Tensors
from navcore.domain import Range, Signature, TensorSpec
from navcore.engine.reference import load
from navcore.formats import Format, Risk

__all__ = ["example_arrays", "model_data", "model_from", "signature_data", "signature_from"]


def signature_data(signature: Signature) -> dict[str, Any]:
    """Return the signature as JSON-ready data."""
    sides = (signature.inputs, signature.outputs)
    inputs, outputs = ([[spec.name, spec.dtype, list(spec.shape)] for spec in side] for side in sides)
    ranges = [[each.dimension, each.smallest, each.largest] for each in signature.ranges]
    return {"inputs": inputs, "outputs": outputs, "batch": signature.batch, "ranges": ranges}


def signature_from(data: Mapping[str, Any]) -> Signature:
    """Return the signature that `signature_data` described."""
    inputs, outputs = (
        tuple(TensorSpec(name, dtype, tuple(shape)) for name, dtype, shape in data[side])
        for side in ("inputs", "outputs")
    )
    return Signature(inputs, outputs, data["batch"], tuple(Range(*each) for each in data["ranges"]))


def model_data(model: Model, live: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return a model as JSON-ready data; its examples travel beside it, see `example_arrays`.

    Args:
        model: On disk, or live and handed over.
        live: For a live model, the folder that it was handed over in, and who reads it.
    """
    made = model.format
    return {
        "live": None if live is None else dict(live),
        "format": [made.name, made.suffix, made.live, made.risk.value],
        "signature": signature_data(model.signature),
        "path": None if model.path is None else str(model.path),
        "examples": len(model.examples),
    }


def example_arrays(model: Model) -> dict[str, Array]:
    """Return the arrays of all examples, named by place and input."""
    return {f"{place}/{name}": array for place, feeds in enumerate(model.examples) for name, array in feeds.items()}


def model_from(data: Mapping[str, Any], arrays: Tensors) -> Model:
    """Return the model that `model_data` described, with the examples that `example_arrays` gave."""
    made = Format(data["format"][0], suffix=data["format"][1], live=data["format"][2], risk=Risk(data["format"][3]))
    examples: list[dict[str, Array]] = [{} for _ in range(data["examples"])]
    for key, array in arrays.items():
        place, _, tensor = key.partition("/")
        examples[int(place)][tensor] = array
    live = data["live"]
    held, call = load(live["loader"])(Path(live["folder"])) if live else (None, None)
    return Model(
        object=held,
        call=call,
        format=made,
        signature=signature_from(data["signature"]),
        path=None if data["path"] is None else Path(data["path"]),
        examples=tuple(examples),
    )

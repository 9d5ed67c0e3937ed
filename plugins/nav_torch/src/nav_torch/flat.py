"""A module that takes flat tensors and returns flat tensors, so that an artifact needs no structure beside it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from nav_torch.tensors import device_of, to_tensor
from navcore.contracts import Model

__all__ = ["example_tensors", "flat_module"]


def flat_module(model: Model) -> Any:
    """Return an nn.Module around the user's that takes and returns tensors in the order of the signature."""
    import torch

    class FlatModule(torch.nn.Module):  # type: ignore[misc]  # a class of an untyped framework
        def __init__(self) -> None:
            super().__init__()
            self.module = model.object
            self.training = False

        def forward(self, *tensors: Any) -> tuple[Any, ...]:
            arguments, keywords = model.call.arguments(tensors)
            outputs = model.call.named_outputs(self.module(*arguments, **keywords))
            return _distinct([outputs[name] for name in model.signature.output_names], tensors)

    FlatModule.forward.__signature__ = _signature(len(model.signature.inputs))  # type: ignore[attr-defined]  # as inspect documents
    return FlatModule()


def _signature(count: int) -> inspect.Signature:
    """Return the signature of a method that takes so many tensors.

    torch 2.9 cannot express the guards of `*tensors`: `NameError: name 'L' is not defined` when it runs the export.
    Drop when the floor is a torch that can, as 2.13.
    """
    names = ("self", *(f"tensor_{index}" for index in range(count)))
    return inspect.Signature([inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names])


def _distinct(outputs: Sequence[Any], inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Copy outputs that are an input or an earlier output: a graph has one name for each value."""
    seen = {id(tensor) for tensor in inputs}
    distinct = []
    for tensor in outputs:
        distinct.append(tensor.clone() if id(tensor) in seen else tensor)
        seen.add(id(tensor))
    return tuple(distinct)


def example_tensors(model: Model) -> tuple[Any, ...]:
    """Return the model's first example as tensors on the module's device, in the signature's order."""
    device = device_of(model.object)
    return tuple(to_tensor(model.examples[0][name], device) for name in model.signature.input_names)

"""A module that takes flat tensors and returns flat tensors, so that an artifact needs no structure beside it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from nav_torch.sizes import ordered_examples
from nav_torch.state import refuse_changing_state
from nav_torch.tensors import device_of, to_tensor
from navcore.contracts import Model

__all__ = ["example_tensors", "flat_module"]


def flat_module(model: Model, module: Any = None) -> Any:
    """Return an nn.Module around the user's that takes and returns tensors in the order of the signature.

    Args:
        model: What the user gave.
        module: What stands in for the user's module, such as the same in TorchScript; None: itself.

    Raises:
        ExportError: Outputs depend on what an earlier call has changed in the module.
    """
    import torch

    refuse_changing_state(model)

    class FlatModule(torch.nn.Module):  # type: ignore[misc]  # a class of an untyped framework
        def __init__(self) -> None:
            super().__init__()
            self.module = model.object if module is None else module
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
    """Return the example to export with as tensors on the module's device, in the signature's order.

    They are contiguous: some artifacts take no other strides than those of the example.
    """
    device, feeds = device_of(model.object), ordered_examples(model)[0]
    return tuple(to_tensor(feeds[name], device).contiguous() for name in model.signature.input_names)

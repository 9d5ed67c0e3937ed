"""From a callable on tensors to the Infer that a runner gives: named arrays in, named arrays out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nav_torch.call import TorchCall
from nav_torch.draws import Draws
from nav_torch.tensors import to_array, to_tensor
from nav_torch.untouched import undisturbed
from navcore.contracts import Infer, Model, Tensors

__all__ = ["infer_artifact", "infer_live"]


def infer_live(function: Callable[..., Any], call: TorchCall, device: Any) -> Infer:
    """Return an Infer that calls the function as the user calls the module."""

    def run(tensors: Sequence[Any]) -> Mapping[str, Any]:
        arguments, keywords = call.arguments(tensors)
        return call.named_outputs(function(*arguments, **keywords))

    return _infer(run, call.inputs, device)


def infer_artifact(function: Callable[..., Any], model: Model, device: Any) -> Infer:
    """Return an Infer that calls a loaded artifact: tensors in the signature's order, a tuple in its order."""

    def run(tensors: Sequence[Any]) -> Mapping[str, Any]:
        return dict(zip(model.signature.output_names, function(*tensors), strict=True))

    return _infer(run, model.signature.input_names, device)


def _infer(run: Callable[[Sequence[Any]], Mapping[str, Any]], names: Sequence[str], device: Any) -> Infer:
    draws = Draws(device, thrifty=True)

    def infer(feeds: Tensors) -> Tensors:
        tensors = [to_tensor(feeds[name], device) for name in names]
        with undisturbed(draws):
            outputs = run(tensors)
        return {name: to_array(tensor) for name, tensor in outputs.items()}

    return infer

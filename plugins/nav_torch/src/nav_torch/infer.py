"""From a callable on tensors to the Infer that a runner gives: named arrays in, named arrays out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from nav_torch.call import TorchCall
from nav_torch.converted import is_lowerable
from nav_torch.draws import Draws
from nav_torch.tensors import to_array, to_tensor
from nav_torch.untouched import undisturbed
from navcore.contracts import Infer, Model, Tensors

__all__ = ["AS_GIVEN", "LiveInfer", "Passage", "infer_artifact", "infer_live"]


@attrs.frozen(kw_only=True, eq=False)
class Passage:
    """What happens to tensors on their way into the callable and out of it.

    Attributes:
        dtype: The torch.dtype that floating-point inputs are cast to; None: they keep theirs.
        channels_last: Whether inputs of four dimensions are stored with the channels innermost.
        outputs: Dtypes that floating-point outputs are cast to, by name; others keep theirs.
    """

    dtype: Any = None
    channels_last: bool = False
    outputs: Mapping[str, str] = attrs.field(factory=dict)

    def enter(self, tensors: Sequence[Any]) -> Sequence[Any]:
        """Return the inputs as the callable wants them."""
        if self.dtype is not None:
            tensors = [tensor.to(self.dtype) if is_lowerable(tensor) else tensor for tensor in tensors]
        return [_channels_last(tensor) for tensor in tensors] if self.channels_last else tensors

    def leave(self, outputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the outputs as the user's module would give them."""
        if not self.outputs:
            return outputs
        return {name: _as_float(value, self.outputs.get(name, "")) for name, value in outputs.items()}


AS_GIVEN = Passage()
"""Tensors go in and come out as they are."""


def _channels_last(tensor: Any) -> Any:
    import torch

    return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


def _as_float(value: Any, dtype: str) -> Any:
    """Return a floating-point tensor in the dtype of that name, and anything else as it is."""
    import torch

    if not isinstance(value, torch.Tensor) or not value.is_floating_point() or "float" not in dtype:
        return value
    return value.to(getattr(torch, dtype))


@attrs.frozen(eq=False)
class LiveInfer:
    """Calls a live module, whose buffers and attributes may change as it is called.

    Attributes:
        infer: The Infer around it.
        restart: Puts back what the module held when it was opened.
    """

    infer: Infer
    restart: Callable[[], None]

    def __call__(self, feeds: Tensors) -> Tensors:
        return self.infer(feeds)


def infer_live(function: Callable[..., Any], call: TorchCall, device: Any, passage: Passage = AS_GIVEN) -> Infer:
    """Return an Infer that calls the function as the user calls the module."""

    def run(tensors: Sequence[Any]) -> Mapping[str, Any]:
        arguments, keywords = call.arguments(passage.enter(tensors))
        return passage.leave(call.named_outputs(function(*arguments, **keywords)))

    return _infer(run, call.inputs, device)


def infer_artifact(function: Callable[..., Any], model: Model, device: Any, passage: Passage = AS_GIVEN) -> Infer:
    """Return an Infer that calls a loaded artifact: tensors in the signature's order, a tuple in its order."""

    def run(tensors: Sequence[Any]) -> Mapping[str, Any]:
        outputs = dict(zip(model.signature.output_names, function(*passage.enter(tensors)), strict=True))
        return passage.leave(outputs)

    return _infer(run, model.signature.input_names, device)


def _infer(run: Callable[[Sequence[Any]], Mapping[str, Any]], names: Sequence[str], device: Any) -> Infer:
    draws = Draws(device, thrifty=True)

    def infer(feeds: Tensors) -> Tensors:
        tensors = [to_tensor(feeds[name], device) for name in names]
        with undisturbed(draws):
            outputs = run(tensors)
        return {name: to_array(tensor) for name, tensor in outputs.items()}

    return infer

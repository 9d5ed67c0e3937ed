"""From a callable on tensors to the Infer that a runner gives: named arrays in, named arrays out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from nav_torch.call import TorchCall
from nav_torch.converted import is_lowerable
from nav_torch.draws import Draws
from nav_torch.handed_over import handed_over
from nav_torch.tensors import shared_tensor, to_tensor
from nav_torch.untouched import undisturbed
from navcore.contracts import Array, Model, Tensors
from navcore.errors import UsageError

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

    def leave(self, outputs: dict[str, Any]) -> dict[str, Any]:
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
        put_back: Gives the module what it held when it was opened; None: no call changes it.
    """

    infer: _TensorInfer
    put_back: Callable[[], None] | None

    def __call__(self, feeds: Tensors) -> Tensors:
        return self.infer(feeds)

    def bind(self, feeds: Tensors) -> Callable[[], Tensors]:
        """Return a step that runs the module on these very arrays."""
        if self.put_back is not None:  # a call more or less makes a difference
            return lambda: self.infer(feeds)
        return self.infer.bind(feeds)

    def native(self, *tensors: Any) -> dict[str, Any]:
        """Run the module on these very tensors, and return tensors by name."""
        return self.infer.native(*tensors)

    def restart(self) -> None:
        """Put back what the module held when it was opened."""
        if self.put_back is not None:
            self.put_back()


def infer_live(function: Callable[..., Any], call: TorchCall, device: Any, passage: Passage = AS_GIVEN) -> _TensorInfer:
    """Return an Infer that calls the function as the user calls the module."""

    def run(tensors: Sequence[Any]) -> dict[str, Any]:
        arguments, keywords = call.arguments(passage.enter(tensors))
        return passage.leave(call.named_outputs(function(*arguments, **keywords)))

    def run_as_given(tensors: Sequence[Any]) -> dict[str, Any]:
        return call.named_outputs(function(*tensors))

    shortest = call.only_tensors and passage == AS_GIVEN
    return _TensorInfer(run_as_given if shortest else run, call.inputs, device)


def infer_artifact(
    function: Callable[..., Any], model: Model, device: Any, passage: Passage = AS_GIVEN, *, only_reads: bool = False
) -> _TensorInfer:
    """Return an Infer that calls a loaded artifact: tensors in the signature's order, a tuple in its order.

    Args:
        function: The artifact.
        model, device, passage: What it was made from, where its inputs are, and what happens to them.
        only_reads: Whether it is known to neither write to its inputs nor keep them for later.
    """
    names = model.signature.output_names

    def run(tensors: Sequence[Any]) -> dict[str, Any]:
        return passage.leave(dict(zip(names, function(*passage.enter(tensors)), strict=True)))

    return _TensorInfer(run, model.signature.input_names, device, only_reads)


@attrs.frozen(eq=False)
class _TensorInfer:
    """Runs a callable on tensors that it makes of named arrays.

    Attributes:
        run: Tensors in the order of the names; returns tensors by name, in a dict that it keeps no hold of.
        names: Of the inputs.
        device: The torch.device of the inputs.
        only_reads: Whether `run` neither writes to its inputs nor keeps them, so that they need no copies.
    """

    run: Callable[[Sequence[Any]], dict[str, Any]]
    names: Sequence[str]
    device: Any
    only_reads: bool = False
    _draws: Draws = attrs.field(
        init=False, default=attrs.Factory(lambda self: Draws(self.device, thrifty=True), takes_self=True)
    )

    def __call__(self, feeds: Tensors) -> Tensors:
        device = self.device
        if self.only_reads or device.type != "cpu":  # what goes to another device is a copy anyway
            return self._outputs([_read_tensor(feeds[name], device) for name in self.names])
        return self._outputs([to_tensor(feeds[name], device) for name in self.names])

    def bind(self, feeds: Tensors) -> Callable[[], Tensors]:
        """Return a step that runs on these very arrays.

        On the CPU they are not copied, unless the model writes to its inputs, which is found out by a call on copies.
        """
        if self.device.type != "cpu" or not all(array.flags.writeable for array in feeds.values()):
            return lambda: self(feeds)
        if not self.only_reads and self._writes(feeds):
            return lambda: self(feeds)
        tensors = [shared_tensor(feeds[name], self.device) for name in self.names]
        return lambda: self._outputs(tensors)

    def native(self, *tensors: Any) -> dict[str, Any]:
        """Run on these very tensors, in the order of the names, and return tensors by name.

        Raises:
            UsageError: One is no tensor of torch, or on another device.
        """
        import torch

        for tensor in tensors:
            if not isinstance(tensor, torch.Tensor):
                _check_placed(self.names, tensors, self.device)
        try:
            with undisturbed(self._draws):
                return self.run(tensors)
        except Exception:  # torch says nothing of inputs; looked at only now, since that takes longer than many a model
            _check_placed(self.names, tensors, self.device)
            raise

    def _writes(self, feeds: Tensors) -> bool:
        """Return whether a call on copies changes them."""
        copies = [np.array(feeds[name]) for name in self.names]
        self._outputs([shared_tensor(copy, self.device) for copy in copies])
        return not all(map(_same_bytes, copies, (feeds[name] for name in self.names)))

    def _outputs(self, tensors: Sequence[Any]) -> Tensors:
        with undisturbed(self._draws):
            outputs = self.run(tensors)
        return handed_over(outputs)


def _check_placed(names: Sequence[str], tensors: Sequence[Any], device: Any) -> None:
    """Refuse what is no tensor of torch, or on another device.

    Raises:
        UsageError: One is.
    """
    import torch

    for name, tensor in zip(names, tensors, strict=True):
        if not isinstance(tensor, torch.Tensor):
            raise UsageError(
                f"input {name!r} was given a {type(tensor).__name__}, and the model runs on tensors of torch",
                f"give torch.as_tensor({name}), or call infer() with arrays",
            )
        if tensor.device.type != device.type:
            raise UsageError(
                f"input {name!r} is on {tensor.device}, and the model runs on {device}",
                f"give {name}.to({str(device)!r})",
            )


def _read_tensor(array: Array, device: Any) -> Any:
    """Return a tensor that is only read, and so shares the array's memory where torch can take it as it is."""
    return shared_tensor(array, device) if array.flags.carray else to_tensor(array, device)


def _same_bytes(left: Array, right: Array) -> bool:
    return left.tobytes() == right.tobytes()

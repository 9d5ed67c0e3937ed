"""How the user's module is called, learnt from one sample."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import attrs

from nav_torch.call import TorchCall, make_call
from nav_torch.draws import Draws
from nav_torch.hidden import hidden_tensors
from nav_torch.packed import PACKED, check_packed, packed_inputs
from nav_torch.sample import parameters_of
from nav_torch.state import state_of, told
from nav_torch.tensors import device_of, shapes_of, to_array, to_tensor
from nav_torch.tree import flatten
from nav_torch.untouched import in_training_mode, untouched
from navcore.contracts import Description, Names, Tensors
from navcore.errors import DataloaderError, NavError, UsageError, any_failure

__all__ = ["describe"]

_TRAINING = "the model is in training mode: it is run and exported in eval mode, and left in training mode afterwards"


def describe(module: Any, sample: Any, names: Names) -> Description:
    """Return how the module is called, and the reference that runs it where it is.

    Raises:
        DataloaderError: The sample cannot be arguments of `forward`, or holds no tensors, or tensors without values.
        UsageError: The module holds weights without values.
    """
    if sample is None:
        return Description(inputs={}, infer=_no_sample)
    call, leaves = make_call(module, sample, names)
    _check_values(module, leaves)
    packed = packed_inputs(call)
    notices = ((_TRAINING, in_training_mode(module)), (PACKED, bool(packed)))
    return Description(
        inputs={name: to_array(leaf) for name, leaf in leaves.items()},
        infer=_Reference(module, call, device_of(module), Draws(device_of(module)), packed),
        call=call,
        notices=tuple(text for text, holds in notices if holds),
    )


def _check_values(module: Any, leaves: Mapping[str, Any]) -> None:
    """Refuse what is on the meta device, which has shapes and no numbers."""
    for name, tensor in itertools.chain(module.named_parameters(), module.named_buffers()):
        if tensor.is_meta:
            raise UsageError(
                f"{name} of {type(module).__name__} is on the meta device, which holds no numbers",
                "load the weights first: model.to_empty(device='cpu'), then model.load_state_dict(...)",
            )
    for name, leaf in leaves.items():
        if getattr(leaf, "is_meta", False):
            raise DataloaderError(
                f"{name} is on the meta device, which holds no numbers", "give samples with numbers, on the CPU"
            )


def _no_sample(_inputs: Tensors) -> Tensors:
    raise DataloaderError(
        "a sample is None, and a torch module does not say what it takes", "pass dataloader=[sample, ...]"
    )


@attrs.frozen(eq=False)
class _Reference:
    """The module as the user has it: every call begins with what it held when it was given."""

    module: Any
    call: TorchCall
    device: Any
    draws: Draws
    packed: tuple[tuple[str, str], ...]
    left_out: dict[str, str] = attrs.field(factory=dict)

    def __call__(self, inputs: Tensors) -> Tensors:
        check_packed(self.packed, inputs)
        tensors = {name: to_tensor(inputs[name], self.device) for name in self.call.inputs}
        arguments, keywords = self.call.arguments(tensors.values())
        with untouched(self.module, self.draws) as kept:
            try:
                result = self.module(*arguments, **keywords)
            except NavError:
                raise
            except any_failure() as error:  # the user's model may raise anything
                raise _refusal(self.module, self.call, inputs, error) from error
            outputs = {name: to_array(tensor) for name, tensor in self.call.named_outputs(result).items()}
            self._note_left_out(result)
        self.call.watch.note(inputs, kept.changed)
        return outputs

    def notes(self) -> tuple[str, ...]:
        """Return what the calls so far have shown of the module."""
        left_out = (
            f"forward also returns {name}, of class {kind}, whose tensors cannot be told apart: they are left out"
            for name, kind in self.left_out.items()
        )
        return (*left_out, *told(state_of(self.module, self.call)))

    def _note_left_out(self, result: Any) -> None:
        for path, kind in hidden_tensors(flatten(result)[0]):
            self.left_out["__".join(map(str, path)) or "something"] = kind


def _refusal(module: Any, call: TorchCall, inputs: Tensors, error: BaseException) -> DataloaderError:
    reason = (str(error).strip().splitlines() or ["no message"])[0]
    return DataloaderError(
        f"{type(module).__name__} refuses the sample ({shapes_of(inputs)}), called as {call!r}: "
        f"{type(error).__name__}: {reason}",
        f"make shapes and dtypes of the sample those that the model takes; its forward takes {parameters_of(module)}",
    )

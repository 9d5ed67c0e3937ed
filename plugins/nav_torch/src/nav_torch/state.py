"""What one call of the user's module leaves in it for the next one, so that no artifact goes stale silently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nav_torch.call import TorchCall
from nav_torch.draws import Draws
from nav_torch.export_error import ExportError
from nav_torch.tensors import device_of, to_array, to_tensor
from nav_torch.trail import followed
from nav_torch.untouched import in_use, undisturbed, untouched
from nav_torch.watch import State
from navcore.contracts import Model, Tensors

__all__ = ["refuse_changing_state", "state_of", "told"]

_MOST_NAMED = 3


def refuse_changing_state(model: Model) -> None:
    """Refuse to make an artifact of a module whose outputs depend on what an earlier call has changed in it.

    An artifact would not change as the module does, or not be given back what it has changed.

    Raises:
        ExportError: They do; it names what is changed.
    """
    state = state_of(model.object, model.call, model.examples)
    if state.needed:
        raise ExportError(
            f"each call of forward changes the {_listed(state.needed)}, and the outputs of the next one depend on it: "
            "an artifact would not keep in step",
            "make it an argument and an output of forward, and keep it in your own code between calls",
        )


def told(state: State) -> tuple[str, ...]:
    """Return what the user should know about it."""
    if state.needed:
        return (
            f"each call of forward changes the {_listed(state.needed)}, and the outputs of the next one depend on it: "
            "only runtimes that call the module itself keep in step, and nothing is exported; to be compared, every "
            "call begins with what the module held when it was given",
        )
    if state.changed:
        return (
            f"each call of forward changes the {_listed(state.changed)}, on which no output depends: artifacts give "
            "the same outputs, and leave it as it is",
        )
    return ()


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def state_of(module: Any, call: TorchCall, examples: Sequence[Tensors] = ()) -> State:
    """Return what a call leaves behind; the module is left as it was.

    The reference has noted what its calls changed; where it was not run, the first example is. Whether outputs depend
    on that is found in two ways. The operators of a call are followed from what is changed to the outputs. And the
    calls are made one after the other, with nothing put back between them: other outputs than those from the start
    also show what Python keeps, such as a count.
    """
    watch = call.watch
    if not watch.calls:
        for inputs in examples[:1]:
            with untouched(module) as kept:
                _outputs(module, call, inputs)
            watch.note(inputs, kept.changed)
    if watch.state is None:
        needed = _needed(module, call, watch.samples, tuple(watch.changed)) if watch.changed else frozenset[str]()
        watch.state = State(tuple(watch.changed), tuple(name for name in watch.changed if name in needed))
    return watch.state


def _needed(module: Any, call: TorchCall, samples: Sequence[Tensors], changed: tuple[str, ...]) -> frozenset[str]:
    needed = frozenset[str]().union(*(_followed(module, call, inputs, changed) for inputs in samples))
    if needed or not _depend_on_history(module, call, samples):
        return needed
    with untouched(module) as kept:
        in_python = {name for name, tensors in kept.tensors(changed).items() if not tensors}
    return frozenset(in_python or changed)


def _followed(module: Any, call: TorchCall, inputs: Tensors, changed: Iterable[str]) -> frozenset[str]:
    """Return which of the tensors that a call changes it also reads, on the way to an output or to a decision."""
    try:
        with untouched(module) as kept, followed(_apart_from_parameters(module, kept.tensors(changed))) as trail:
            outputs = _named_outputs(module, call, inputs)
            return frozenset(trail.looked_at).union(*(trail.names(tensor) for tensor in outputs.values()))
    except Exception:  # an operator that cannot be followed may raise anything: then everything counts
        return frozenset(changed)


def _apart_from_parameters(module: Any, held: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the tensors without those in the memory of a parameter, which is read for its own sake.

    The hook of torch.nn.utils.spectral_norm replaces such a view of the weight by what it computes, in every call.
    """
    taken = {parameter.untyped_storage().data_ptr() for parameter in module.parameters()}
    return {
        name: [tensor for tensor in tensors if tensor.untyped_storage().data_ptr() not in taken]
        for name, tensors in held.items()
    }


def _depend_on_history(module: Any, call: TorchCall, samples: Sequence[Tensors]) -> bool:
    """Return whether a call gives something else after others than from the start."""
    sequence = [*samples, samples[0]]
    from_start = []
    for inputs in sequence:
        with untouched(module):
            from_start.append(_outputs(module, call, inputs))
    if not _equal(from_start[0], from_start[-1]):  # not even those agree, so nothing can be told
        return False
    device = device_of(module)
    with in_use(module):
        in_turn = []
        for inputs in sequence:
            with undisturbed(Draws(device)):
                in_turn.append(_outputs(module, call, inputs))
    return not all(map(_equal, from_start, in_turn))


def _outputs(module: Any, call: TorchCall, inputs: Tensors) -> Tensors:
    return {name: to_array(tensor) for name, tensor in _named_outputs(module, call, inputs).items()}


def _named_outputs(module: Any, call: TorchCall, inputs: Tensors) -> Mapping[str, Any]:
    device = device_of(module)
    arguments, keywords = call.arguments(to_tensor(inputs[name], device) for name in call.inputs)
    return call.named_outputs(module(*arguments, **keywords))


def _equal(left: Tensors, right: Tensors) -> bool:
    return left.keys() == right.keys() and all(
        (array.shape, array.tobytes()) == (right[name].shape, right[name].tobytes()) for name, array in left.items()
    )

"""The user's module is left as it was: every tool that runs the live object goes through this file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import attrs

from nav_torch.tensors import device_of

__all__ = ["Draws", "evaluating", "in_training_mode", "undisturbed", "untouched"]


@contextmanager
def untouched(module: Any, draws: Draws | None = None) -> Iterator[None]:
    """Run the block with the module in eval mode, without gradients and autocast, and put everything back.

    That is: the mode of every submodule, which parameters need gradients and their gradients, torch's random state,
    thread count and default dtype.

    Args:
        module: The user's.
        draws: Where random numbers come from; None: as if a copy of the present state.
    """
    with evaluating(module), _parameters(module), _settings(), undisturbed(draws or Draws(device_of(module))):
        yield


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """Run the block with every submodule in eval mode.

    The flags are set one by one: `module.eval()` and `.train()` may be overridden to do more, such as merging weights.
    """
    modes = [(part, part.training) for part in module.modules()]
    try:
        for part, _ in modes:
            part.training = False
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def in_training_mode(module: Any) -> bool:
    """Return whether any submodule is in training mode."""
    return any(part.training for part in module.modules())


@contextmanager
def _parameters(module: Any) -> Iterator[None]:
    before = [(parameter, parameter.requires_grad, parameter.grad) for parameter in module.parameters()]
    try:
        yield
    finally:
        for parameter, needed, gradient in before:
            if parameter.requires_grad != needed:
                parameter.requires_grad_(needed)
            if parameter.grad is not gradient:
                parameter.grad = gradient


@contextmanager
def _settings() -> Iterator[None]:
    import torch

    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    try:
        yield
    finally:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        if torch.get_default_dtype() != dtype:
            torch.set_default_dtype(dtype)


@attrs.define(eq=False)
class Draws:
    """A stream of random numbers of its own.

    It begins as a copy of torch's random state, and goes on from block to block, so that a model that draws random
    numbers gives new ones at every call while the user's state stays.

    Attributes:
        device: Device of the model; the generator of a CUDA device is kept besides that of the CPU.
    """

    device: Any
    _state: tuple[Any, ...] | None = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Run the block on this stream."""
        users = self._present()
        if self._state is not None:
            self._make_present(self._state)
        try:
            yield
        finally:
            self._state = self._present()
            self._make_present(users)

    def _present(self) -> tuple[Any, ...]:
        import torch

        if self.device.type == "cuda":
            return torch.get_rng_state(), torch.cuda.get_rng_state(self.device)
        return (torch.get_rng_state(),)

    def _make_present(self, state: tuple[Any, ...]) -> None:
        import torch

        torch.set_rng_state(state[0])
        if len(state) > 1:
            torch.cuda.set_rng_state(state[1], self.device)


@contextmanager
def undisturbed(draws: Draws) -> Iterator[None]:
    """Run the block without gradients and autocast, and with random numbers from the given stream.

    Cheap enough to stand around every timed call: 5 us.
    """
    import torch

    kind = draws.device.type
    # An inference mode would be a little faster, but a tensor that the user's module caches under it can never train.
    no_autocast = torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()
    with draws.in_use(), torch.no_grad(), no_autocast:
        yield

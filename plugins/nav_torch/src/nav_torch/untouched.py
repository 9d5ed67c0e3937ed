"""The user's module is left as it was: every tool that runs the live object goes through this file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nav_torch.draws import Draws
from nav_torch.kept import Kept, contents_kept
from nav_torch.tensors import device_of

__all__ = ["evaluating", "in_training_mode", "in_use", "undisturbed", "untouched"]


@contextmanager
def untouched(module: Any, draws: Draws | None = None) -> Iterator[Kept]:
    """Run the block with the module in eval mode, without gradients and autocast, and put everything back.

    That is: the mode of every submodule, its buffers and attributes, which parameters need gradients and their
    gradients, the random states of torch, numpy and Python, torch's thread count and default dtype. What the block
    gets knows afterwards what was something else.

    Args:
        module: The user's.
        draws: Where random numbers come from; None: as if a copy of the present state.
    """
    with in_use(module) as kept, _parameters(module), undisturbed(draws or Draws(device_of(module))):
        yield kept


@contextmanager
def in_use(module: Any) -> Iterator[Kept]:
    """Run the block, in which the module is called any number of times, with every submodule in eval mode.

    Puts back the modes, buffers and attributes, torch's thread count and default dtype. Not the random states: the
    block may last for hours, in which the user draws too. What the block gets can put buffers and attributes back
    meanwhile.
    """
    with evaluating(module), contents_kept(module) as kept, _settings():
        yield kept


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


class undisturbed:  # noqa: N801  # used like a function, and a generator would take twice the time
    """Runs the block without gradients and autocast, and with random numbers from the given stream.

    Cheap enough to stand around every timed call: 2 us.
    """

    __slots__ = ("_autocast", "_draws", "_grad", "_users")

    def __init__(self, draws: Draws) -> None:
        self._draws = draws

    def __enter__(self) -> None:
        import torch

        kind = self._draws.device.type
        self._autocast = torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else None
        self._users = self._draws.begin()
        if self._autocast is not None:
            self._autocast.__enter__()
        # An inference mode would be a little faster, but a tensor that the user's module caches under it can never
        # train.
        self._grad = torch.is_grad_enabled()
        torch.set_grad_enabled(False)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: Any) -> None:
        import torch

        torch.set_grad_enabled(self._grad)
        if self._autocast is not None:
            self._autocast.__exit__(kind, error, traceback)
        self._draws.end(self._users, failed=kind is not None)

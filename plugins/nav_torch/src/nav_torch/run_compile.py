"""Runners TorchCompileCPU and TorchCompileCUDA: the module through torch.compile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from nav_torch.device import missing_compiler, missing_device
from nav_torch.infer import infer_live
from nav_torch.run_torch import module_on
from nav_torch.tensors import device_of
from navcore.contracts import Infer, Model, Runner
from navcore.domain import DeviceKind
from navcore.formats import Format

__all__ = ["TorchCompileRunner", "forwarder"]

_MODES = (None, "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


@attrs.frozen(kw_only=True)
class TorchCompileRunner(Runner):
    """Compiles the module at its first call, and again where torch finds that a new shape needs it.

    Attributes:
        mode, dynamic: As torch.compile takes them.
    """

    accepts: Format = Format.TORCH
    mode: str | None = attrs.field(default=None, validator=attrs.validators.in_(_MODES))
    dynamic: bool | None = None

    def unavailable(self) -> str | None:
        return missing_device(self.devices) or missing_compiler(self.devices)

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        import torch

        with module_on(model.object, device) as module:
            compiled = torch.compile(forwarder(module), mode=self.mode, dynamic=self.dynamic)
            yield infer_live(compiled, model.call, device_of(module))


def forwarder(module: Any) -> Callable[..., Any]:
    """Return a function that calls the module, with a code object of its own.

    torch.compile(module) would leave `_is_torch_compile` on the user's module. And torch keeps what it compiled per
    code object, eight times at most: with one code object for all, the fourth model in a process would silently run
    eager (torch 2.13). Drop when torch.compile counts per call of torch.compile.
    """

    def forward(*arguments: Any, **keywords: Any) -> Any:
        return module(*arguments, **keywords)

    forward.__code__ = forward.__code__.replace()
    return forward

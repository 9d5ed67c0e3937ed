"""Runners TorchCompileCPU and TorchCompileCUDA: the module through torch.compile; and its variants."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from nav_torch.baked import Baked
from nav_torch.compiled import CompiledInfer, Graphs
from nav_torch.device import missing_compiler
from nav_torch.live import LiveRunner
from nav_torch.modes import DTYPES
from nav_torch.tensors import device_of
from navcore.configs import Arguments, thawed_arguments
from navcore.contracts import Infer, Model
from navcore.domain import DeviceKind

__all__ = ["MODES", "TorchCompileRunner", "compile_runners", "forwarder"]

MODES = (None, "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
"""What torch.compile takes as `mode`."""


@attrs.frozen(kw_only=True)
class TorchCompileRunner(LiveRunner):
    """Compiles the module at its first call, and again where torch finds that a new shape needs it.

    Attributes:
        mode, dynamic: As torch.compile takes them.
        freezing: Whether Inductor makes constants of parameters and buffers, and prepares what it can from them. The
            model is refused as soon as one of them changes.
        options: Further options of torch.compile for Inductor.
        fullgraph: Whether a forward that breaks into pieces is refused.
    """

    mode: str | None = attrs.field(default=None, validator=attrs.validators.in_(MODES))
    dynamic: bool | None = None
    freezing: bool = False
    options: Arguments = ()
    fullgraph: bool = False

    def unavailable(self) -> str | None:
        return super().unavailable() or missing_compiler(self.devices)

    @property
    def _copies(self) -> bool:
        return self.freezing or self._converts

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        import torch

        with self.module_on(model.object, device) as (module, kept):
            graphs = Graphs(self._inductor_options())
            compiled = torch.compile(
                forwarder(module), dynamic=self.dynamic, fullgraph=self.fullgraph, backend=graphs.backend()
            )
            yield CompiledInfer(
                self.infer(compiled, model, device_of(module), kept),
                graphs,
                # Where shapes are static, every new one is compiled; otherwise it cannot be told from outside.
                limit=torch._dynamo.config.recompile_limit if self.dynamic is False else None,
                first_calls=_freezing if self.freezing else contextlib.nullcontext,
                check=Baked.of(module).check if self.freezing else None,
            )

    def _inductor_options(self) -> dict[str, Any]:
        """Return what `mode` stands for, and the other options; torch.compile itself takes one or the other."""
        import torch._inductor

        of_mode = torch._inductor.list_mode_options(self.mode, self.dynamic) if self.mode else {}
        return {**of_mode, **thawed_arguments(self.options)}


def compile_runners(device: DeviceKind) -> Iterator[TorchCompileRunner]:
    """Yield the runner for a device as torch.compile comes, and those that lower the precision."""
    name, devices = f"TorchCompile{device.name}", (device,)
    yield TorchCompileRunner(name=name, devices=devices)
    for precision in DTYPES:
        yield TorchCompileRunner(name=f"{name}-{precision}", devices=devices, precision=precision)


def _freezing() -> contextlib.AbstractContextManager[Any]:
    """Switch freezing on for a call that may compile.

    As an option of torch.compile it does nothing in torch 2.13: Dynamo, which has to make attributes of parameters,
    looks at the setting of the process. Drop when it looks at the options.
    """
    import torch._inductor.config as settings

    patch: contextlib.AbstractContextManager[Any] = settings.patch(freezing=True)
    return patch


def forwarder(module: Any) -> Callable[..., Any]:
    """Return a function that calls the module, with a code object and a name of its own.

    torch.compile(module) would leave `_is_torch_compile` on the user's module. And torch keeps what it compiled per
    code object, eight times at most: with one code object for all, the fourth model in a process would silently run
    eager (torch 2.13). It also remembers which sizes changed per file, line and name: with one name for all, what is
    static and what is dynamic would depend on what was compiled before. Drop when torch.compile keeps both per call of
    torch.compile, as with `isolate_recompiles` of torch 2.13.
    """

    def forward(*arguments: Any, **keywords: Any) -> Any:
        return module(*arguments, **keywords)

    forward.__code__ = forward.__code__.replace(co_name=f"forward_{uuid.uuid4().hex}")
    return forward

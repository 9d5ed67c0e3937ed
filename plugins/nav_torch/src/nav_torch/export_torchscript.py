"""TorchScript: by tracing, the path that an example takes; by scripting, the module's own control flow."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from nav_torch.export_error import explained
from nav_torch.flat import example_tensors, flat_module
from nav_torch.infer import infer_artifact, infer_live
from nav_torch.jit_type import JitType
from nav_torch.proof import prove, prove_other_values
from nav_torch.run_torchscript import missing_jit
from nav_torch.sizes import ordered_examples
from nav_torch.state import refuse_changing_state
from nav_torch.tensors import device_of
from nav_torch.untouched import untouched
from navcore.configs import Arguments, thawed_arguments
from navcore.contracts import Exporter, Model
from navcore.domain import Signature
from navcore.formats import Format

__all__ = ["JIT_IS_DEPRECATED", "TorchScriptExporter", "proven", "quiet_jit", "traced"]

JIT_IS_DEPRECATED = "torch.jit is deprecated since PyTorch 2.9"


@attrs.frozen(kw_only=True)
class TorchScriptExporter(Exporter):
    """Writes a module in TorchScript that takes and gives flat tensors.

    Scripting is of the user's module itself; what makes its arguments of flat tensors is traced around it.

    Attributes:
        jit_type: Whether the user's module is traced or scripted.
        strict: As torch.jit.trace takes it; dicts and lists, which it is about, are taken apart before.
        custom_args: Further arguments for torch.jit.trace, or torch.jit.script.
    """

    jit_type: JitType = attrs.field(default=JitType.TRACE, converter=JitType)
    name: str = attrs.field()
    source: Format = Format.TORCH
    target: Format = Format.TORCHSCRIPT
    strict: bool = False
    custom_args: Arguments = ()
    deprecated: str = JIT_IS_DEPRECATED

    @name.default
    def _name(self) -> str:
        return f"torchscript-{self.jit_type.value}"

    def unavailable(self) -> str | None:
        return missing_jit()

    def unsuited(self, model: Model) -> str | None:
        import torch

        if self.jit_type is JitType.SCRIPT and isinstance(model.object, torch.jit.ScriptModule):
            return "the model is TorchScript already, which torchscript-trace keeps with its control flow"
        return None

    def write(self, model: Model, out: Path) -> Signature:
        import torch

        with untouched(model.object), quiet_jit():
            scripted = self.jit_type is JitType.SCRIPT
            with explained(f"torch.jit.{self.jit_type.value}", model.object):  # some it makes, and cannot save
                torch.jit.save(self._scripted(model) if scripted else self._traced(model), out)
            loaded = torch.jit.load(out, map_location=device_of(model.object)).eval()
            return proven(model, loaded, branches=not scripted)

    def _traced(self, model: Model) -> Any:
        return traced(model, strict=self.strict, **thawed_arguments(self.custom_args))

    def _scripted(self, model: Model) -> Any:
        import torch

        refuse_changing_state(model)
        with explained("torch.jit.script", model.object):
            module = torch.jit.script(model.object, **thawed_arguments(self.custom_args))
            return _around(model, module, strict=self.strict)


def traced(model: Model, **options: Any) -> Any:
    """Return the user's module as TorchScript that takes and gives flat tensors.

    Args:
        model: To trace.
        options: For torch.jit.trace.

    Raises:
        ExportError: torch could not trace it.
    """
    with explained("torch.jit.trace", model.object):
        return _around(model, model.object, **options)


def _around(model: Model, module: Any, **options: Any) -> Any:
    import torch

    # check_trace would run the module twice more, at the same shapes: less than what comparing does anyway.
    arguments = {"strict": False, "check_trace": False, **options}
    return torch.jit.trace(flat_module(model, module), example_tensors(model), **arguments)


def proven(model: Model, script: Any, *, branches: bool = True) -> Signature:
    """Return the signature with the ranges of sizes that TorchScript of the user's module is good for.

    Args:
        model: What it was made of.
        script: Takes and gives flat tensors.
        branches: Whether to look for branches that were frozen too.

    Raises:
        ExportError: A size, or a branch, was baked in.
    """
    device, examples = device_of(model.object), ordered_examples(model)
    source = infer_live(model.object, model.call, device)
    artifact = infer_artifact(script, model, device)
    signature = prove(model.signature, examples, source, artifact, ends=device.type == "cpu")
    if branches:
        prove_other_values(signature, examples, source, artifact)
    return signature


@contextmanager
def quiet_jit() -> Iterator[None]:
    """Keep torch.jit from saying what is no news to the user.

    It is deprecated since torch 2.9, which the tools say themselves; unavailable() says when it is gone. And tracing
    warns of every Python value that it freezes, which running at other sizes and comparing checks.
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        yield

"""AOTInductor: an exported program compiled to native code for the machine at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from nav_torch.device import missing_compiler
from nav_torch.export_error import ExportError, explained
from nav_torch.export_exportedprogram import dynamic_axes
from nav_torch.infer import infer_artifact
from nav_torch.proof import prove
from nav_torch.ranges import compiled_ranges
from nav_torch.reads import parameters_written, program_only_reads
from nav_torch.run_aoti import ONLY_READS, load_package
from nav_torch.run_exportedprogram import program_device
from nav_torch.sizes import ordered_examples, resized, sizes_seen
from nav_torch.tensors import to_tensor
from navcore.configs import Arguments, thawed_arguments
from navcore.contracts import Converter, Model
from navcore.domain import DeviceKind, Signature
from navcore.formats import Format

__all__ = ["AOTInductorConverter"]

_BATCH = 16


@attrs.frozen(kw_only=True)
class AOTInductorConverter(Converter):
    """Writes a package for the device that the program is on.

    Attributes:
        freezing: Whether weights become constants, which lets oneDNN lay them out for itself and normalisations be
            folded into convolutions. It has effect without gradients only (torch 2.13), as here.
        custom_args: Settings of Inductor, by name.
    """

    name: str = "torch-aoti"
    imports: tuple[str, ...] = ("torch", "torch._inductor.compile_fx")
    source: Format = Format.TORCH_EXPORTEDPROGRAM
    target: Format = Format.TORCH_AOTI
    # Compiled for the vector instructions of this CPU, against the libraries of this torch.
    bound_to: tuple[str, ...] = ("cpu.instructions", "cpu.machine", "torch")
    freezing: bool = False
    custom_args: Arguments = ()

    def unavailable(self) -> str | None:
        return missing_compiler((DeviceKind.CPU,))

    def write(self, model: Model, out: Path) -> Signature:
        import torch
        import torch._inductor

        program = torch.export.load(model.path)
        _refuse_changed_weights(program)
        hinted = _with_larger_batch(program, model)
        settings = {
            "freezing": self.freezing,
            "aot_inductor.metadata": {ONLY_READS: str(program_only_reads(hinted))},
            **_lower_bound_unchecked(),
            **thawed_arguments(self.custom_args),
        }
        with explained("AOTInductor"), torch.no_grad():
            torch._inductor.aoti_compile_and_package(hinted, package_path=str(out), inductor_configs=settings)
        device = program_device(program)
        return prove(
            model.signature,
            ordered_examples(model),
            infer_artifact(program.module(), model, device),
            infer_artifact(load_package(out), model, device),
            found=compiled_ranges(hinted, model.signature),
        )


def _refuse_changed_weights(program: Any) -> None:
    """Refuse a program that changes a parameter, which a package would return as one more output (torch 2.13).

    Raises:
        ExportError: It does; it names the parameter and the operator.
    """
    written = parameters_written(program)
    if not written:
        return
    name, operator = next(iter(written.items()))
    name = name.removeprefix("module.")  # as the flat module that is exported holds the user's
    fix = "do that to the weights once, before they are optimised, or use another route"
    if "embedding_renorm_" in operator:
        fix = (
            "leave max_norm out, and shorten the rows of the weight once, before it is optimised; or use another route"
        )
    raise ExportError(
        f"each call of forward changes the weight {name!r} ({operator}), which AOTInductor does not keep in step", fix
    )


def _with_larger_batch(program: Any, model: Model) -> Any:
    """Return the program exported again with a batch of 16, where it takes that and the example's is smaller.

    Operators are chosen by the size of the example, and the package is for sizes for which the same would be chosen: a
    convolution that was seen with less than 16 rows makes it refuse 16 (torch 2.13). The graph stays the same.
    """
    import torch

    signature, examples = model.signature, ordered_examples(model)
    batch = signature.batch
    limits = signature.batch_range
    if batch is None or max(sizes_seen(batch, signature, examples[:1])) >= _BATCH or (limits and _BATCH not in limits):
        return program
    feeds = resized(batch, _BATCH, signature, examples)
    tensors = tuple(to_tensor(feeds[name], program_device(program)).contiguous() for name in signature.input_names)
    try:
        with torch.no_grad():
            return torch.export.export(program.module(), tensors, dynamic_shapes=dynamic_axes(signature))
    except Exception:  # its guards may refuse this size too: it is compiled for those that it was exported for
        return program


def _lower_bound_unchecked() -> dict[str, Any]:
    """Return the setting without which the package refuses size 1, also where it is right.

    Inductor takes sizes to be 2 or more, and checks that; what it gives at 1 is compared here instead, and the runner
    refuses what is outside of the signature's ranges. Before torch 2.10 there is no such setting: such packages are
    good for 2 or more.
    """
    import torch._inductor.config as settings

    return {"aot_inductor.check_lowerbound": False} if hasattr(settings.aot_inductor, "check_lowerbound") else {}

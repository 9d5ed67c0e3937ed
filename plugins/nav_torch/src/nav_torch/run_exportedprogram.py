"""Runners TorchExportedProgramCPU and TorchExportedProgramCUDA."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from nav_torch.loaded import LoadedRunner
from nav_torch.reads import program_only_reads
from navcore.contracts import Infer, Model
from navcore.domain import DeviceKind
from navcore.formats import Format

__all__ = ["TorchExportedProgramRunner", "on_device", "program_device"]


@attrs.frozen(kw_only=True)
class TorchExportedProgramRunner(LoadedRunner):
    """Loads the program and runs its graph, operator by operator."""

    accepts: Format = Format.TORCH_EXPORTEDPROGRAM

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        import torch

        program = on_device(torch.export.load(model.path), device)
        only_reads = program_only_reads(program)
        yield self.infer(program.module(), model, torch.device(device.value), only_reads=only_reads)


def program_device(program: Any) -> Any:
    """Return the torch.device of the program's first weight, constant or example; the CPU where it has none."""
    import torch

    return next((tensor.device for tensor in _tensors(program)), torch.device("cpu"))


def on_device(program: Any, device: DeviceKind) -> Any:
    """Return the program on the device: its weights, and the devices that its graph names."""
    from torch.export.passes import move_to_device_pass

    if all(tensor.device.type == device.value for tensor in _tensors(program)):
        return program
    return move_to_device_pass(program, device.value)


def _tensors(program: Any) -> list[Any]:
    """Return weights and constants, or the example where there are none."""
    held = [value for value in (*program.state_dict.values(), *program.constants.values()) if hasattr(value, "device")]
    return held or [value for value in program.example_inputs[0] if hasattr(value, "device")]

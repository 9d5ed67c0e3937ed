"""Runners TorchCPU and TorchCUDA: the module as it is, eager; and its variants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from nav_torch.live import LiveRunner
from nav_torch.modes import DTYPES
from nav_torch.tensors import device_of
from navcore.contracts import Infer, Model
from navcore.domain import DeviceKind

__all__ = ["TorchRunner", "torch_runners"]


@attrs.frozen(kw_only=True)
class TorchRunner(LiveRunner):
    """Calls the module as the user would, in eval mode and without gradients.

    Attributes:
        inference_mode: Whether it is called under torch.inference_mode, and not only without gradients.
    """

    plain: bool = True
    inference_mode: bool = False

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        with self.module_on(model.object, device) as (module, kept):
            yield self.infer(module, model, device_of(module), kept, inference_mode=self.inference_mode)


def torch_runners(device: DeviceKind) -> Iterator[TorchRunner]:
    """Yield the plain runner for a device, and those that change layout, precision or both."""
    name, devices = f"Torch{device.name}", (device,)
    yield TorchRunner(name=name, devices=devices)
    yield TorchRunner(name=f"{name}-channels-last", devices=devices, plain=False, channels_last=True)
    for precision in DTYPES:
        lowered = TorchRunner(name=f"{name}-{precision}", devices=devices, plain=False, precision=precision)
        yield lowered
        yield attrs.evolve(lowered, name=f"{name}-autocast-{precision}", autocast=True)
        yield attrs.evolve(lowered, name=f"{name}-{precision}-channels-last", channels_last=True)

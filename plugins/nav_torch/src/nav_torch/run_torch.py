"""Runners TorchCPU and TorchCUDA: the module as it is, eager."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from nav_torch.device import missing_device
from nav_torch.infer import infer_live
from nav_torch.tensors import device_of
from nav_torch.untouched import in_use
from navcore.contracts import Infer, Model, Runner
from navcore.domain import DeviceKind
from navcore.formats import Format

__all__ = ["TorchRunner", "module_on"]


@attrs.frozen(kw_only=True)
class TorchRunner(Runner):
    """Calls the module as the user would, in eval mode and without gradients."""

    accepts: Format = Format.TORCH
    plain: bool = True

    def unavailable(self) -> str | None:
        return missing_device(self.devices)

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        with module_on(model.object, device) as module:
            yield infer_live(module, model.call, device_of(module))


@contextmanager
def module_on(module: Any, device: DeviceKind) -> Iterator[Any]:
    """Give the user's module in eval mode where it is on the device already, or else a copy that is."""
    if device_of(module).type == device.value:
        with in_use(module):
            yield module
    else:
        moved = copy.deepcopy(module).to(device.value)
        with in_use(moved):
            yield moved

"""Runners TorchAOTInductorCPU and TorchAOTInductorCUDA: packages of native code."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from nav_torch.device import missing_device
from nav_torch.infer import infer_artifact
from nav_torch.within import SizeError, within
from navcore.contracts import Infer, Model, Runner
from navcore.domain import DeviceKind
from navcore.formats import Format

__all__ = ["ONLY_READS", "AOTInductorRunner", "LoadedPackage", "load_package"]

ONLY_READS = "navcore.only_reads"
"""Key of a package's metadata, `True` where the program that it was compiled from writes to no tensor."""

_CHECK = "AOTI_RUNTIME_CHECK_INPUTS"
_ENVIRONMENT = threading.Lock()


@attrs.frozen(kw_only=True)
class AOTInductorRunner(Runner):
    """Loads the package, and has it check its inputs: unchecked, native code reads past their ends."""

    imports: tuple[str, ...] = ("torch", "torch._inductor.package")
    accepts: Format = Format.TORCH_AOTI

    def unavailable(self) -> str | None:
        return missing_device(self.devices)

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        import torch

        package = load_package(model.path, device)
        infer = infer_artifact(package, model, torch.device(device.value), only_reads=package.only_reads)
        yield within(model.signature, infer)


def load_package(path: Path | None, device: DeviceKind | None = None) -> LoadedPackage:
    """Return the package as a callable on tensors that raises a RuntimeError for shapes that it was not compiled for.

    Args:
        path: The `.pt2` file.
        device: Where it is meant to run; None: wherever it was compiled for.

    Raises:
        SizeError: It was compiled for another device.
    """
    import torch._inductor

    package = torch._inductor.aoti_load_package(str(path))
    metadata = package.get_metadata()
    compiled_for = metadata.get("AOTI_DEVICE_KEY")
    if device is not None and compiled_for not in (None, device.value):
        raise SizeError(
            f"{Path(str(path)).name} was compiled for {compiled_for}, not for {device.value}",
            f"give the model on {device.value}, so that it is exported and compiled there",
        )
    # Not the package itself, which reads the structure of its arguments from JSON in every call.
    return LoadedPackage(package.loader.run, only_reads=metadata.get(ONLY_READS) == str(True))


@attrs.define(eq=False)
class LoadedPackage:
    """A loaded package that checks its inputs.

    The native code asks the environment at its first call, once and for all; so the variable is set for that call and
    not for the user's process.

    Attributes:
        only_reads: Whether it is known to write to no input.
    """

    _run: Callable[[list[Any]], Sequence[Any]]
    only_reads: bool
    _asked: bool = attrs.field(default=False, init=False)

    def __call__(self, *tensors: Any) -> Sequence[Any]:
        flat = [_compact(tensor) for tensor in tensors]
        if self._asked:
            return self._run(flat)
        with _ENVIRONMENT, _checking():
            outputs = self._run(flat)
            self._asked = True
        return outputs


def _compact(tensor: Any) -> Any:
    """Return the tensor with the strides that are checked, also on axes of size 1, where torch leaves what came."""
    if tensor.is_contiguous() and 1 not in tensor.shape:
        return tensor
    return tensor.contiguous().view(-1).view(tensor.shape)


@contextmanager
def _checking() -> Iterator[None]:
    before = os.environ.get(_CHECK)
    os.environ[_CHECK] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CHECK]
        else:
            os.environ[_CHECK] = before

"""Runs engines with TensorRT, with or without CUDA graphs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from nav_trt.cuda_runtime import cuda_runtime, missing_runtime
from nav_trt.engine_file import load_engine
from nav_trt.gpu import missing_gpu
from nav_trt.infer import EngineInfer
from nav_trt.installed import missing_tensorrt
from navcore.contracts import Infer, Model, Runner
from navcore.domain import DeviceKind
from navcore.formats import Format
from navcore.keywords import checked_options

__all__ = ["TensorRTRunner"]


@checked_options
@attrs.frozen(kw_only=True)
class TensorRTRunner(Runner):
    """TensorRT on the first GPU. Never run past `unavailable`: where this was written there was no GPU.

    Attributes:
        cuda_graphs: Whether launches are recorded for each shape, which spares the CPU where an engine has many small
            kernels. Engines that take shapes as values, or give outputs whose shape depends on values, run without.
    """

    name: str = "TensorRT"
    imports: tuple[str, ...] = ("tensorrt",)
    accepts: Format = Format.TENSORRT
    devices: tuple[DeviceKind, ...] = (DeviceKind.CUDA,)
    cuda_graphs: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))

    def unavailable(self) -> str | None:
        """Return what is not installed or not there, with what helps."""
        return missing_tensorrt() or missing_gpu() or missing_runtime()

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        if model.path is None:
            raise ValueError(f"{self.name} needs a plan, and was given a {model.format} without a path")
        runtime, engine = load_engine(model.path)
        with contextlib.closing(EngineInfer(engine, model.signature, cuda_runtime(), graphs=self.cuda_graphs)) as infer:
            yield infer
        del engine, runtime  # in this order

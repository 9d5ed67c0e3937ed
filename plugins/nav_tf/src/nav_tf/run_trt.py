"""Runner TensorFlowTensorRT: SavedModels with TensorRT engines in them."""

from __future__ import annotations

import attrs

from nav_tf.run_savedmodel import SavedModelRunner
from nav_tf.tensorrt_build import missing_tftrt
from navcore.domain import DeviceKind
from navcore.formats import Format

__all__ = ["TensorFlowTensorRTRunner"]


@attrs.frozen(kw_only=True)
class TensorFlowTensorRTRunner(SavedModelRunner):
    """Loads the SavedModel and its engines."""

    name: str = "TensorFlowTensorRT"
    accepts: Format = Format.TF_TRT
    devices: tuple[DeviceKind, ...] = (DeviceKind.CUDA,)

    def unavailable(self) -> str | None:
        return missing_tftrt()

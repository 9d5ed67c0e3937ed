"""Takes a plan of the user's in place of one that is built from ONNX."""

from __future__ import annotations

import shutil
from pathlib import Path

import attrs

from nav_trt.plan_file import check_plan_file
from navcore.contracts import Converter, Model
from navcore.domain import Signature
from navcore.formats import Format

__all__ = ["TensorRTPlan"]


@attrs.frozen(kw_only=True)
class TensorRTPlan(Converter):
    """Copies a plan; it has to take and give what the ONNX file does.

    Attributes:
        plan: Its path.
    """

    name: str = "trt-given"
    source: Format = Format.ONNX
    target: Format = Format.TENSORRT
    bound_to: tuple[str, ...] = ("tensorrt.gpu", "tensorrt.version")
    plan: str

    def write(self, model: Model, out: Path) -> Signature:
        check_plan_file(Path(self.plan))
        shutil.copyfile(self.plan, out)
        return model.signature

"""Converts ONNX to OpenVINO IR."""

from __future__ import annotations

from pathlib import Path

import attrs

from nav_openvino.name_inputs import name_inputs
from nav_openvino.without_telemetry import load_openvino, missing_openvino
from navcore.contracts import Converter, Model
from navcore.domain import Signature
from navcore.formats import Format
from navcore.keywords import checked_options

__all__ = ["OpenVINOConverter"]


@checked_options
@attrs.frozen(kw_only=True)
class OpenVINOConverter(Converter):
    """Writes the `.xml` and its `.bin`; weights keep their precision."""

    name: str = "openvino-ir"
    source: Format = Format.ONNX
    target: Format = Format.OPENVINO_IR

    def unavailable(self) -> str | None:
        return missing_openvino()

    def write(self, model: Model, out: Path) -> Signature:
        openvino = load_openvino()
        # Not openvino.convert_model, which reports each conversion over the network; the result is the same.
        converted = openvino.Core().read_model(str(model.path))
        for index, name in enumerate(model.signature.output_names):
            converted.output(index).get_tensor().add_names({name})
        name_inputs(converted, model.signature)
        openvino.save_model(converted, str(out), compress_to_fp16=False)
        return model.signature

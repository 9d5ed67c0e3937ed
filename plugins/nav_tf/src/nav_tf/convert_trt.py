"""TF-TRT: the parts of a SavedModel that TensorRT can run become engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from nav_tf.framework import load_tensorflow
from nav_tf.infer import as_tensor
from nav_tf.saved_model_file import saved_signature
from nav_tf.tensorrt_build import missing_tftrt
from navcore.configs import Arguments, thawed_arguments
from navcore.contracts import Converter, Model, Tensors
from navcore.domain import Signature
from navcore.formats import Format

__all__ = ["TensorFlowTensorRTConverter"]

_MODES = {None: "FP32", "fp16": "FP16"}


@attrs.frozen(kw_only=True)
class TensorFlowTensorRTConverter(Converter):
    """Writes a SavedModel with engines in it, built for the sizes of the examples.

    Attributes:
        max_workspace_size: Bytes that TensorRT may use while it builds.
        minimum_segment_size: Fewest operations that become an engine.
        custom_args: Further arguments for `tf.experimental.tensorrt.ConversionParams`.
    """

    name: str = "tf-trt"
    source: Format = Format.TF_SAVEDMODEL
    target: Format = Format.TF_TRT
    imports: tuple[str, ...] = ("nav_tf.imported",)
    bound_to: tuple[str, ...] = ("tensorflow.gpu", "tensorflow.version")
    precision: str | None = attrs.field(default=None, validator=attrs.validators.in_(tuple(_MODES)))
    max_workspace_size: int = attrs.field(default=8 * 2**30, validator=attrs.validators.ge(0))
    minimum_segment_size: int = attrs.field(default=3, validator=attrs.validators.ge(1))
    custom_args: Arguments = ()

    def unavailable(self) -> str | None:
        return missing_tftrt()

    def write(self, model: Model, out: Path) -> Signature:
        if model.path is None:
            raise ValueError(f"{self.name} needs a folder, and was given a {model.format} without a path")
        tensorrt = load_tensorflow().experimental.tensorrt
        arguments: dict[str, Any] = {
            "precision_mode": _MODES[self.precision],
            "max_workspace_size_bytes": self.max_workspace_size,
            "minimum_segment_size": self.minimum_segment_size,
            **thawed_arguments(self.custom_args),
        }
        converter = tensorrt.Converter(
            input_saved_model_dir=str(model.path),
            input_saved_model_signature_key=saved_signature(model.path),
            use_dynamic_shape=True,
            conversion_params=tensorrt.ConversionParams(**arguments),
        )
        converter.convert()
        converter.build(input_fn=lambda: _fed(model.examples))
        converter.save(str(out))
        return model.signature


def _fed(examples: tuple[Tensors, ...]) -> Iterator[dict[str, Any]]:
    for feeds in examples:
        yield {name: as_tensor(array) for name, array in feeds.items()}

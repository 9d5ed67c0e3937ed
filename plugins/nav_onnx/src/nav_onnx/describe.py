"""How an ONNX file is called: its signature, the sample by input name, and ONNX Runtime on the CPU as reference."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import attrs

from nav_onnx.installed import missing_runtime
from nav_onnx.model_file import read_signature
from nav_onnx.runners import ONNX_CPU
from nav_onnx.samples import flatten
from navcore.contracts import Description, Infer, Tensors
from navcore.domain import Names, Signature
from navcore.errors import UsageError
from navcore.naming import check_own

__all__ = ["OnnxCall", "describe", "model_path"]


@attrs.frozen
class OnnxCall:
    """Everything about calling an ONNX file that its signature does not say: where it is."""

    path: str


@attrs.define(eq=False)
class _Reference:
    """ONNX Runtime on the CPU, opened with the first call: of many descriptions only one is ever called."""

    path: Path
    signature: Signature
    infer: Infer | None = None

    def __call__(self, feeds: Tensors) -> Tensors:
        if self.infer is None:
            if missing := missing_runtime():
                raise UsageError(*missing.split("; ", 1))
            self.infer = ONNX_CPU.infer_of(ONNX_CPU.session(self.path), self.signature)
        return self.infer(feeds)


def describe(model: Any, sample: Any, names: Names) -> Description:
    """Return the description of an ONNX file.

    Raises:
        UsageError: The model is not a path.
        ModelFileError: The file cannot be read, or takes something other than tensors.
        DataloaderError: The sample does not fit, or names were given.
    """
    path = model_path(model)
    signature = read_signature(path)
    check_own("input_names", names.inputs, signature.input_names, path.name)
    check_own("output_names", names.outputs, signature.output_names, path.name)
    return Description(
        inputs={} if sample is None else flatten(sample, signature, path.name),
        infer=_Reference(path, signature),
        call=OnnxCall(str(path)),
        signature=signature,
        reference=ONNX_CPU,
    )


def model_path(model: Any) -> Path:
    """Return the path that was given as the model.

    Raises:
        UsageError: It is something else, for example a loaded `onnx.ModelProto`.
    """
    if isinstance(model, str | os.PathLike):
        return Path(os.fsdecode(model))
    given = f"{type(model).__module__}.{type(model).__qualname__}"
    raise UsageError(
        f"an ONNX model is given as the path of its file, not as a {given}",
        "save it and pass the path: onnx.save(model, 'model.onnx')",
    )

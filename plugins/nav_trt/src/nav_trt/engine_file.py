"""Opens plans; a plan that TensorRT refuses is told why."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from nav_trt.installed import installed
from nav_trt.plan_file import check_plan_file
from nav_trt.trt_error import EngineError
from nav_trt.trt_logger import trt_logger

__all__ = ["DTYPES", "load_engine", "refusal_of"]

DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "BF16": "bfloat16",
    "FP8": "float8_e4m3fn",
    "INT8": "int8",
    "INT32": "int32",
    "INT64": "int64",
    "UINT8": "uint8",
    "BOOL": "bool",
}
"""NumPy's and ml_dtypes' names by those of `tensorrt.DataType`."""

_REBUILD = "build it again on this machine: nav.optimize(...) of the ONNX file"
_REASONS = (
    (r"magicTag|serialization version|version tag|Version tag", "it was built by another TensorRT, or is damaged"),
    (r"compute capability|different .*device|Platform specific tag|platform", "it was built for another GPU"),
    (r"cudaError 35|driver version is insufficient", "the driver is older than the CUDA of this TensorRT, or missing"),
    (r"cudaError 100|no CUDA-capable device", "CUDA sees no GPU"),
    (r"out of memory|OutOfMemory|cudaError 2\b", "the GPU ran out of memory"),
)


def load_engine(path: Path) -> tuple[Any, Any]:
    """Return the `tensorrt.Runtime`, which has to live as long, and the `tensorrt.ICudaEngine`.

    Never run but to be refused: where this was written there was no GPU. TensorRT may take the process down with a
    damaged plan, so strangers' plans are opened in processes of their own.

    Raises:
        ModelFileError: The file is no plan.
        EngineError: TensorRT refuses it.
    """
    check_plan_file(path)
    import tensorrt

    logger = trt_logger()
    logger.errors.clear()
    runtime = tensorrt.Runtime(logger)
    engine = runtime.deserialize_cuda_engine(path.read_bytes())
    if engine is None:
        raise refusal_of(path, logger.errors)
    return runtime, engine


def refusal_of(path: Path, errors: list[str]) -> EngineError:
    """Return why a plan was refused, from what TensorRT said."""
    told = " ".join(errors)
    reason = next((reason for pattern, reason in _REASONS if re.search(pattern, told)), "")
    own = " ".join(errors[0].split())[:300] if errors else "no reason given"
    return EngineError(f"TensorRT {installed()} refuses {path.name}: {reason or own}", _REBUILD)

"""What nav-trt adds to navcore."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nav_trt.convert_onnx import TensorRTConverter
from nav_trt.describe import describe, fingerprint, is_plan
from nav_trt.facts import environment
from nav_trt.run_tensorrt import TensorRTRunner
from navcore.contracts import Converter, Description, Runner
from navcore.domain import Names
from navcore.formats import Format
from navcore.hookspecs import hookimpl


@hookimpl
def nav_recognise(model: Any) -> Format | None:
    return Format.TENSORRT if is_plan(model) else None


@hookimpl
def nav_describe(model: Any, sample: Any, names: Names) -> Description:
    return describe(model, sample, names)


@hookimpl
def nav_fingerprint(model: Any) -> str | None:
    return fingerprint(model)


@hookimpl
def nav_converters() -> Iterable[Converter]:
    yield TensorRTConverter()
    for precision in ("fp16", "bf16", "int8", "fp8", "nvfp4"):
        yield TensorRTConverter(name=f"trt-{precision}", precision=precision)


@hookimpl
def nav_runners() -> Iterable[Runner]:
    return TensorRTRunner(), TensorRTRunner(name="TensorRTCUDAGraph", cuda_graphs=True)


@hookimpl
def nav_environment() -> Mapping[str, str]:
    return environment()

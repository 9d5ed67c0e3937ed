"""What nav-openvino adds to navcore."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version

from nav_openvino.convert_int8 import OpenVINOInt8Converter
from nav_openvino.convert_onnx import OpenVINOConverter
from nav_openvino.convert_savedmodel import SavedModelConverter
from nav_openvino.run_openvino import OpenVINORunner
from nav_openvino.without_telemetry import missing_nncf, missing_openvino
from navcore.contracts import Converter, Runner
from navcore.hookspecs import hookimpl


@hookimpl
def nav_converters() -> Iterable[Converter]:
    return OpenVINOConverter(), SavedModelConverter(), OpenVINOInt8Converter()


@hookimpl
def nav_runners() -> Iterable[Runner]:
    return OpenVINORunner(), OpenVINORunner(name="OpenVINOCPU-bf16", precision="bf16")


@hookimpl
def nav_environment() -> Mapping[str, str]:
    missing = {"openvino": missing_openvino(), "nncf": missing_nncf()}
    return {f"{name}.version": version(name) for name, reason in missing.items() if reason is None}

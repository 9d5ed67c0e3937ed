"""What nav-openvino adds to navcore."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version

from nav_openvino.convert_onnx import OpenVINOConverter
from nav_openvino.run_openvino import OpenVINORunner
from nav_openvino.without_telemetry import missing_openvino
from navcore.contracts import Converter, Runner
from navcore.hookspecs import hookimpl


@hookimpl
def nav_converters() -> Iterable[Converter]:
    yield OpenVINOConverter()


@hookimpl
def nav_runners() -> Iterable[Runner]:
    yield OpenVINORunner()


@hookimpl
def nav_environment() -> Mapping[str, str]:
    return {} if missing_openvino() else {"openvino.version": version("openvino")}

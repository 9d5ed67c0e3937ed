"""What nav-tf adds to navcore."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from nav_tf.convert_onnx import TFOnnxConverter
from nav_tf.convert_tflite import TFLiteConverter
from nav_tf.describe import describe
from nav_tf.device import installed_version
from nav_tf.export_savedmodel import SavedModelExporter
from nav_tf.run_litert import LiteRTRunner
from nav_tf.run_savedmodel import savedmodel_runners
from nav_tf.run_tensorflow import tensorflow_runners
from nav_tf.source import recognise
from navcore.contracts import Converter, Description, Exporter, Names, Runner
from navcore.domain import DeviceKind
from navcore.formats import Format
from navcore.hookspecs import hookimpl


@hookimpl
def nav_recognise(model: Any) -> Format | None:
    return recognise(model)


@hookimpl
def nav_describe(model: Any, sample: Any, names: Names) -> Description:
    return describe(model, sample, names)


@hookimpl
def nav_exporters() -> Iterable[Exporter]:
    yield SavedModelExporter()


@hookimpl
def nav_converters() -> Iterable[Converter]:
    return TFOnnxConverter(), TFLiteConverter(), TFLiteConverter(name="tflite-int8", precision="int8")


@hookimpl
def nav_runners() -> Iterable[Runner]:
    for device in DeviceKind:
        yield from tensorflow_runners(device)
        yield from savedmodel_runners(device)
    yield LiteRTRunner()


@hookimpl
def nav_environment() -> Mapping[str, str]:
    facts = {f"{name}.version": version(name) for name in ("keras", "tf2onnx") if find_spec(name) is not None}
    return {"tensorflow.version": installed_version(), **facts}

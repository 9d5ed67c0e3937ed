"""What nav-tf adds to navcore."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nav_tf.convert_onnx import TFOnnxConverter
from nav_tf.convert_tflite import TFLiteConverter
from nav_tf.convert_trt import TensorFlowTensorRTConverter
from nav_tf.describe import describe
from nav_tf.environment import environment
from nav_tf.export_keras_onnx import KerasOnnxExporter
from nav_tf.export_keras_openvino import KerasOpenVINOExporter
from nav_tf.export_savedmodel import SavedModelExporter
from nav_tf.fingerprint import fingerprint
from nav_tf.hand_over import hand_over
from nav_tf.run_litert import LiteRTRunner
from nav_tf.run_savedmodel import savedmodel_runners
from nav_tf.run_tensorflow import tensorflow_runners
from nav_tf.run_trt import TensorFlowTensorRTRunner
from nav_tf.source import recognise
from navcore.contracts import Converter, Description, Exporter, Model, Names, Runner
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
def nav_fingerprint(model: Any) -> str | None:
    return fingerprint(model)


@hookimpl
def nav_hand_over(model: Model, folder: Path, asked: bool) -> str | None:
    return hand_over(model, folder, asked)


@hookimpl
def nav_exporters() -> Iterable[Exporter]:
    yield SavedModelExporter()
    yield KerasOnnxExporter()
    yield KerasOpenVINOExporter()


@hookimpl
def nav_converters() -> Iterable[Converter]:
    yield TFOnnxConverter()
    yield from (TFLiteConverter(), TFLiteConverter(name="tflite-int8", precision="int8"))
    yield TensorFlowTensorRTConverter()
    yield TensorFlowTensorRTConverter(name="tf-trt-fp16", precision="fp16")


@hookimpl
def nav_runners() -> Iterable[Runner]:
    for device in DeviceKind:
        yield from tensorflow_runners(device)
        yield from savedmodel_runners(device)
    yield TensorFlowTensorRTRunner()
    yield LiteRTRunner()


@hookimpl
def nav_environment() -> Mapping[str, str]:
    return environment()

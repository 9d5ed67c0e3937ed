"""What nav-jax adds to navcore."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nav_jax.convert_savedmodel import SavedModelConverter
from nav_jax.describe import describe
from nav_jax.export_onnx import JaxOnnxExporter
from nav_jax.export_stablehlo import StableHLOExporter
from nav_jax.hand_over import hand_over
from nav_jax.jax_model import JaxModel, is_model_object
from nav_jax.run_exported import ExportedRunner
from nav_jax.run_jax import JaxRunner
from navcore.contracts import Converter, Description, Exporter, Model, Names, Runner
from navcore.domain import DeviceKind
from navcore.formats import Format
from navcore.hookspecs import hookimpl


@hookimpl
def nav_recognise(model: Any) -> Format | None:
    return Format.JAX if isinstance(model, JaxModel) or is_model_object(model) else None


@hookimpl
def nav_describe(model: Any, sample: Any, names: Names) -> Description:
    return describe(model, sample, names)


@hookimpl
def nav_hand_over(model: Model, folder: Path, asked: bool) -> str | None:
    return hand_over(model, folder, asked)


@hookimpl
def nav_exporters() -> Iterable[Exporter]:
    return StableHLOExporter(), JaxOnnxExporter()


@hookimpl
def nav_converters() -> Iterable[Converter]:
    return (SavedModelConverter(),)


@hookimpl
def nav_runners() -> Iterable[Runner]:
    for device in DeviceKind:
        yield JaxRunner(name=f"JAX{device.name}", devices=(device,), plain=True, jit=False)
        yield JaxRunner(name=f"JAXJit{device.name}", devices=(device,), jit=True)
        yield ExportedRunner(name=f"JAXExported{device.name}", devices=(device,))


@hookimpl
def nav_environment() -> Mapping[str, str]:
    return {f"{name}.version": version(name) for name in ("jax", "jaxlib", "jax2onnx") if find_spec(name) is not None}

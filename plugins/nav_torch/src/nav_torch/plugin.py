"""What nav-torch adds to navcore."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nav_torch.convert_aoti import AOTInductorConverter
from nav_torch.convert_exportedprogram_onnx import ExportedProgramOnnxConverter
from nav_torch.convert_torchscript_onnx import TorchScriptOnnxConverter
from nav_torch.convert_torchtrt import TorchTensorRTConverter
from nav_torch.describe import describe
from nav_torch.environment import environment
from nav_torch.export_exportedprogram import ExportedProgramExporter
from nav_torch.export_onnx import OnnxExporter
from nav_torch.export_onnx_trace import OnnxTraceExporter
from nav_torch.export_torchscript import TorchScriptExporter
from nav_torch.fingerprint import fingerprint
from nav_torch.hand_over import hand_over
from nav_torch.jit_type import JitType
from nav_torch.run_aoti import AOTInductorRunner
from nav_torch.run_compile import compile_runners
from nav_torch.run_exportedprogram import TorchExportedProgramRunner
from nav_torch.run_torch import torch_runners
from nav_torch.run_torchscript import torchscript_runners
from nav_torch.run_torchtrt import TorchTensorRTRunner
from navcore.contracts import Converter, Description, Exporter, Model, Names, Runner
from navcore.domain import DeviceKind
from navcore.formats import Format
from navcore.hookspecs import hookimpl


@hookimpl
def nav_recognise(model: Any) -> Format | None:
    torch = sys.modules.get("torch")
    return Format.TORCH if torch is not None and isinstance(model, torch.nn.Module) else None


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
    yield from (TorchScriptExporter(jit_type=jit_type) for jit_type in JitType)
    yield ExportedProgramExporter()
    yield OnnxExporter()
    yield OnnxTraceExporter()


@hookimpl
def nav_converters() -> Iterable[Converter]:
    yield ExportedProgramOnnxConverter()
    yield TorchScriptOnnxConverter()
    yield AOTInductorConverter()
    yield TorchTensorRTConverter()
    yield TorchTensorRTConverter(name="torch-trt-fp16", precision="fp16")


@hookimpl
def nav_runners() -> Iterable[Runner]:
    for device in DeviceKind:
        yield from torch_runners(device)
        yield from compile_runners(device)
        yield from torchscript_runners(device)
        yield TorchExportedProgramRunner(name=f"TorchExportedProgram{device.name}", devices=(device,))
        yield AOTInductorRunner(name=f"TorchAOTInductor{device.name}", devices=(device,))
    yield TorchTensorRTRunner()


@hookimpl
def nav_environment() -> Mapping[str, str]:
    return environment()

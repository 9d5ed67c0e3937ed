from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import torch

import nav_torch
from nav_torch import plugin
from navcore import load_plugins
from navcore.formats import Format
from navcore.known import FRONT_DOOR
from navcore.testing.toys import ToyModel

EDGES = {
    ("torch", "torchscript-trace"),
    ("torch", "torchscript-script"),
    ("torch", "torch-exportedprogram"),
    ("torch", "onnx"),
    ("torch", "onnx-trace"),
    ("torchscript", "onnx"),
    ("torch-exportedprogram", "onnx"),
    ("torch-exportedprogram", "torch-aoti"),
    ("torch-exportedprogram", "torch-trt"),
    ("torch-exportedprogram", "torch-trt-fp16"),
}
FALLBACKS = {("torch", "onnx-trace"), ("torchscript", "onnx"), ("torch-exportedprogram", "onnx")}
RUNNERS = {
    "Torch": (
        *("", "-channels-last", "-bf16", "-autocast-bf16", "-bf16-channels-last"),
        *("-fp16", "-autocast-fp16", "-fp16-channels-last"),
    ),
    "TorchCompile": ("", "-bf16", "-fp16"),
    "TorchExportedProgram": ("",),
    "TorchScript": ("", "-frozen"),
    "TorchAOTInductor": ("",),
}


def test_the_plugin_loads_without_problems() -> None:
    registry = load_plugins(extra=[plugin], installed=False)

    assert () == registry.problems
    assert EDGES == {(edge.source.name, edge.name) for edge in registry.edges}
    assert FALLBACKS == {(edge.source.name, edge.name) for edge in registry.edges if edge.fallback}
    assert {
        f"{name}{device}{variant}"
        for name, variants in RUNNERS.items()
        for variant in variants
        for device in ("CPU", "CUDA")
    } | {"TorchTensorRT"} == {runner.name for runner in registry.runners if runner.name.startswith("Torch")}
    assert {"TorchCPU", "TorchCUDA"} == {
        runner.name for runner in registry.runners if runner.plain and runner.accepts == Format.TORCH
    }


def test_modules_are_recognised_and_nothing_else() -> None:
    assert Format.TORCH == plugin.nav_recognise(torch.nn.Linear(1, 1))
    assert Format.TORCH == plugin.nav_recognise(torch.nn.Linear(1, 1).requires_grad_(False))
    assert [None] * 4 == [
        plugin.nav_recognise(model) for model in (ToyModel(), torch.nn.Linear, torch.ones(1), "m.onnx")
    ]


def test_loading_the_plugin_imports_no_framework() -> None:
    code = (
        "import sys, navcore, nav_torch.plugin as plugin\n"
        "registry = navcore.load_plugins(extra=[plugin], installed=False)\n"
        "assert not registry.problems and plugin.nav_recognise(registry) is None\n"
        "assert plugin.nav_environment().keys() == {'torch'}\n"
        "print(sorted({'torch', 'onnx', 'onnxscript', 'transformers', 'onnxruntime'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == result.stdout.strip()


def test_the_environment_names_versions_and_threads() -> None:
    facts = plugin.nav_environment()

    assert torch.__version__ == facts["torch"]
    assert str(torch.get_num_threads()) == facts["torch.threads"]
    assert ("cuda.device" in facts) == torch.cuda.is_available()


def test_the_distribution_lends_what_it_exports() -> None:
    lent = {entry.name: entry.load() for entry in entry_points(group="navcore.names") if entry.module == "nav_torch"}

    assert callable(nav_torch.optimize)
    assert {
        **{name: getattr(nav_torch, name) for name in nav_torch.__all__ if name != "optimize"},
        "torch": nav_torch,
    } == lent
    assert set(lent) == {name for name, distribution in FRONT_DOOR.items() if distribution == "nav-torch"} & set(lent)

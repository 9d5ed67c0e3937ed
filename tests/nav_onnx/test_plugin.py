"""What the plugin adds, and that it costs nothing to load."""

import inspect
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from nav_onnx import optimize, plugin
from nav_onnx.model_file import read_signature
from navcore import Format, load_plugins
from navcore.domain import Names
from navcore.errors import UsageError
from navcore.optimize import optimize as optimize_any

RUNNERS = {"OnnxCPU", "OnnxCUDA", "OnnxTensorRT", "OnnxTensorRTRTX", "OnnxOpenVINO", "OnnxDirectML", "OnnxCoreML"} | {
    "OnnxMIGraphX",
    "OnnxQNN",
}


def test_it_loads_without_problems():
    registry = load_plugins(extra=[plugin], installed=False)

    assert () == registry.problems
    assert RUNNERS <= {tool.name for tool in registry.tools_of("nav_onnx.plugin")}


def test_its_import_loads_no_framework():
    code = "import sys, nav_onnx.plugin; print({'onnx', 'onnxruntime', 'torch'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "set()" == result.stdout.strip()


@pytest.mark.parametrize("model", ["model.onnx", "folder/MODEL.ONNX", Path("model.onnx")])
def test_paths_of_onnx_files_are_recognised(model):
    assert Format.ONNX == plugin.nav_recognise(model)


@pytest.mark.parametrize("model", ["model.pt", "onnx", Path("model.onnx.data"), len, None, b"model.onnx"])
def test_other_things_are_not_recognised(model):
    assert plugin.nav_recognise(model) is None


def test_a_model_in_memory_is_told_to_go_through_a_file(affine):
    proto = onnx.load(affine)

    assert Format.ONNX == plugin.nav_recognise(proto)
    with pytest.raises(UsageError, match=r"given as the path of its file, not as a .*ModelProto\n  fix: .*onnx.save"):
        plugin.nav_describe(proto, None, Names())


def test_the_environment_names_versions_and_providers():
    facts = plugin.nav_environment()

    assert onnx.__version__ == facts["onnx.version"]
    assert "CPUExecutionProvider" in facts["onnxruntime.providers"]


def test_optimize_takes_the_options_of_navcore():
    own, general = (dict(inspect.signature(function).parameters) for function in (optimize, optimize_any))
    for parameter in ("input_names", "output_names", "source_format", "isolate_exports"):  # a file is never exported
        general.pop(parameter)

    assert list(general) == list(own)
    assert {name: general[name].default for name in general} == {name: own[name].default for name in own}


@pytest.mark.parametrize(
    ("model", "message"), [("model.pt", "model.pt does not end in .onnx\n  fix: rename it"), (3, "int")]
)
def test_optimize_refuses_what_is_no_path_of_an_onnx_file(model, message):
    with pytest.raises(UsageError, match=message):
        optimize(model)


def test_a_file_is_checked_once_for_all_samples(affine):
    read_signature(affine)

    assert read_signature(affine) is read_signature(affine)

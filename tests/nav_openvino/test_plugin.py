"""What the plugin adds, that it costs nothing to load, and that nothing is reported over the network."""

import os
import subprocess
import sys
from importlib.util import find_spec

import openvino
import pytest

from nav_openvino import OpenVINOConverter, OpenVINOInt8Converter, OpenVINORunner, SavedModelConverter, plugin
from nav_openvino.without_telemetry import load_openvino, missing_nncf
from navcore import load_plugins


def test_it_loads_without_problems():
    registry = load_plugins(extra=[plugin], installed=False)

    assert () == registry.problems
    assert ["openvino-int8", "openvino-ir", "openvino-ir", "OpenVINOCPU", "OpenVINOCPU-bf16"] == [
        tool.name for tool in registry.tools_of("nav_openvino.plugin")
    ]


def test_its_import_loads_no_framework():
    code = "import sys, nav_openvino.plugin; print({'nncf', 'onnx', 'openvino', 'torch'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "set()" == result.stdout.strip()


def test_the_environment_names_the_version():
    assert openvino.__version__.startswith(plugin.nav_environment()["openvino.version"])


@pytest.mark.parametrize(
    "tool", [OpenVINOConverter(), SavedModelConverter(), OpenVINOInt8Converter(), OpenVINORunner()]
)
def test_without_openvino_the_tools_say_what_to_install(tool, monkeypatch):
    monkeypatch.setattr("nav_openvino.without_telemetry.find_spec", lambda name: None)

    assert "openvino is not installed; pip install nav-openvino" == tool.unavailable()
    assert {} == plugin.nav_environment()


def test_without_nncf_the_quantiser_says_what_to_install(monkeypatch):
    monkeypatch.setattr(
        "nav_openvino.without_telemetry.find_spec", lambda name: None if name == "nncf" else find_spec(name)
    )

    assert "nncf is not installed; pip install 'nav-openvino[int8]'" == OpenVINOInt8Converter().unavailable()
    assert ["openvino.version"] == list(plugin.nav_environment())


def _watched(code, home):
    """What a script prints after the number of forks that there were, in a process of its own.

    OpenVINO and NNCF report from a thread that forks; the fork is what can be seen without a network.
    """
    script = f"""
import os, sys, time
forks = []
os.register_at_fork(before=lambda: forks.append(1))
{code}
time.sleep(0.5)
print(len(forks), os.environ.get("CI"), os.environ.get("NNCF_CI"), "torch" in sys.modules)
"""
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"HOME": str(home)}
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment, cwd=home
    )
    return result.stdout.strip().splitlines()[-1]


def test_importing_openvino_writes_and_sends_nothing(tmp_path):
    code = "from nav_openvino.without_telemetry import load_openvino; load_openvino()"

    assert "0 None None False" == _watched(code, tmp_path)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.skipif(missing_nncf() is not None, reason=str(missing_nncf()))
def test_quantising_sends_nothing_and_does_without_torch(tmp_path):
    code = """
import numpy as np
from nav_openvino.quantise import Quantisation
from nav_openvino.without_telemetry import load_openvino, without_torch
openvino = load_openvino()
from openvino import opset13 as opset
data = opset.parameter([1, 4], dtype=np.float32, name="data")
model = openvino.Model([opset.matmul(data, np.eye(4, dtype=np.float32), False, False)], [data], "model")
model.input(0).get_tensor().set_names({"data"})
quantise = Quantisation(model=model, examples=[{"data": np.ones((1, 4), np.float32)}])
with without_torch():
    assert "FakeQuantize" in [operator.get_type_name() for operator in quantise().get_ops()]
"""

    assert "0 None None False" == _watched(code, tmp_path)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("before", [None, "", "false"])
def test_the_switch_is_put_back(monkeypatch, before):
    monkeypatch.delenv("CI", raising=False)
    if before is not None:
        monkeypatch.setenv("CI", before)
    load_openvino()

    assert before == os.environ.get("CI")

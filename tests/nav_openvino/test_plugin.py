"""What the plugin adds, that it costs nothing to load, and that nothing is reported over the network."""

import os
import subprocess
import sys

import openvino
import pytest

from nav_openvino import OpenVINOConverter, OpenVINORunner, plugin
from nav_openvino.without_telemetry import load_openvino
from navcore import load_plugins


def test_it_loads_without_problems():
    registry = load_plugins(extra=[plugin], installed=False)

    assert () == registry.problems
    assert ["openvino-ir", "OpenVINOCPU"] == [tool.name for tool in registry.tools_of("nav_openvino.plugin")]


def test_its_import_loads_no_framework():
    code = "import sys, nav_openvino.plugin; print({'onnx', 'openvino', 'torch'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "set()" == result.stdout.strip()


def test_the_environment_names_the_version():
    assert openvino.__version__.startswith(plugin.nav_environment()["openvino.version"])


@pytest.mark.parametrize("tool", [OpenVINOConverter(), OpenVINORunner()])
def test_without_openvino_the_tools_say_what_to_install(tool, monkeypatch):
    monkeypatch.setattr("nav_openvino.without_telemetry.find_spec", lambda name: None)

    assert "openvino is not installed; pip install nav-openvino" == tool.unavailable()
    assert {} == plugin.nav_environment()


def test_importing_openvino_writes_and_sends_nothing(tmp_path):
    # OpenVINO reports its import from a thread that forks; the fork is what can be seen without a network.
    code = """
import os, time
forks = []
os.register_at_fork(before=lambda: forks.append(1))
from nav_openvino.without_telemetry import load_openvino
load_openvino()
time.sleep(0.5)
print(len(forks), os.environ.get("CI"))
"""
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, cwd=tmp_path
    )

    assert "0 None" == result.stdout.strip()
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("before", [None, "", "false"])
def test_the_switch_is_put_back(monkeypatch, before):
    monkeypatch.delenv("CI", raising=False)
    if before is not None:
        monkeypatch.setenv("CI", before)
    load_openvino()

    assert before == os.environ.get("CI")

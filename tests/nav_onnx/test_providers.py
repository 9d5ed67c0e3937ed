"""The table of execution providers, and what each of their runners says where it cannot work."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from nav_onnx.provider_cache import cache_options
from nav_onnx.provider_library import has_library, why_no_device
from nav_onnx.providers import PROVIDERS, Provider, provider_named
from nav_onnx.runners import RUNNERS
from navcore.testing.suites import ToolSuite

HAS = onnxruntime.get_available_providers()


@pytest.mark.parametrize("runner", RUNNERS, ids=lambda runner: runner.name)
class TestEachRunner(ToolSuite):
    """A value, that says in one sentence why it is unavailable and what to do."""

    @pytest.fixture
    def tool(self, runner):
        return runner


def test_every_provider_has_one_runner():
    assert sorted(provider.name for provider in PROVIDERS) == sorted(runner.provider for runner in RUNNERS)


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("OnnxCUDA", "pip uninstall onnxruntime, then pip install 'nav-onnx[gpu]' on a machine with an NVIDIA GPU"),
        ("OnnxTensorRT", "pip uninstall onnxruntime, then pip install 'nav-onnx[gpu]' on a machine with an NVIDIA GPU"),
        ("OnnxTensorRTRTX", "pip install 'nav-onnx[rtx]' on a machine with an NVIDIA RTX GPU"),
        ("OnnxOpenVINO", "onnxruntime-ep-openvino (Intel)"),
        ("OnnxDirectML", "onnxruntime-directml (Windows)"),
        ("OnnxCoreML", "onnxruntime (CoreML, macOS)"),
        ("OnnxMIGraphX", "onnxruntime-migraphx (AMD GPUs)"),
        ("OnnxQNN", "onnxruntime-qnn (Qualcomm)"),
    ],
)
def test_a_provider_that_this_onnxruntime_lacks_is_told_with_what_has_it(name, fix):
    runner = next(runner for runner in RUNNERS if runner.name == name)
    if runner.provider in HAS or runner.unavailable() is None or "onnxruntime_" in runner.unavailable():
        pytest.skip(f"this environment has {runner.provider}, or its library")
    reason = runner.unavailable()

    assert reason.startswith("this onnxruntime was built without it (it has: ")
    assert "CPUExecutionProvider" in reason
    assert fix in reason.partition("; ")[2]


@pytest.mark.skipif(
    not hasattr(onnxruntime, "register_execution_provider_library"),
    reason=f"onnxruntime {onnxruntime.__version__} loads no libraries; 1.24 does",
)
def test_a_library_that_cannot_be_loaded_is_told_with_the_loaders_words(tmp_path, monkeypatch):
    path = tmp_path / "libnone.so"
    (tmp_path / "ep_of_nobody.py").write_text(f"def get_library_path(): return {str(path)!r}\n")
    monkeypatch.syspath_prepend(tmp_path)
    provider = Provider(name="NobodysExecutionProvider", library="ep_of_nobody")

    assert has_library(provider)
    assert (
        f"ep_of_nobody cannot be loaded: {path}: cannot open shared object file: No such file or directory; "
        "install what it names, most often a driver"
    ) == why_no_device(provider)


def test_a_runtime_that_loads_no_libraries_is_told_with_the_upgrade(monkeypatch):
    monkeypatch.delattr(onnxruntime, "register_execution_provider_library", raising=False)
    reason = why_no_device(Provider(name="NobodysExecutionProvider", library="ep_of_nobody"))

    assert (
        f"onnxruntime {onnxruntime.__version__} cannot load the library ep_of_nobody; "
        "pip install --upgrade 'onnxruntime>=1.24'"
    ) == reason


def test_an_unlisted_provider_takes_arrays_of_the_cpu():
    assert ("", "") == (
        provider_named("XnnpackExecutionProvider").device,
        provider_named("XnnpackExecutionProvider").library,
    )


def test_what_was_compiled_is_kept_for_each_content_of_a_model(tmp_path, monkeypatch):
    monkeypatch.setenv("NAVCORE_CACHE_DIR", str(tmp_path / "artifacts"))
    path = tmp_path / "m.onnx"
    folders = []
    for value in (1.0, 2.0):
        onnx.save(_scaled_by(value), path)
        found = cache_options(provider_named("TensorrtExecutionProvider"), path, "1.32.0")
        folders.append(found["trt_engine_cache_path"])

        assert {"trt_engine_cache_enable": "1", "trt_timing_cache_enable": "1"}.items() <= found.items()
        assert Path(folders[-1]).is_dir()
    assert 2 == len(set(folders))
    assert tmp_path / "artifacts-onnxruntime" / "TensorrtExecutionProvider-1.32.0" == Path(folders[0]).parent
    assert {} == cache_options(provider_named("CPUExecutionProvider"), path, "1.32.0")
    found = cache_options(provider_named("NvTensorRTRTXExecutionProvider"), path, "1.32.0")
    assert ["nv_runtime_cache_path"] == list(found)


def _scaled_by(value):
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy")
    weight = numpy_helper.from_array(np.array([value], np.float32), "w")
    graph = helper.make_graph([helper.make_node("Mul", ["x", "w"], ["y"])], "graph", [x], [y], [weight])
    return helper.make_model(graph)

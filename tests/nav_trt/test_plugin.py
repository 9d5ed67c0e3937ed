"""What the plugin adds, and what it says where something is missing."""

import ctypes
import subprocess
import sys

import pytest

from nav_trt import TensorRTConverter, TensorRTRunner, gpu, plugin
from nav_trt.cuda_runtime import CudaRuntime
from nav_trt.gpu import Gpu, find_gpu, missing_gpu
from nav_trt.installed import Installed, missing_tensorrt
from nav_trt.trt_error import EngineError
from navcore import load_plugins
from navcore.engine.failures import recognised
from navcore.formats import Format

RTX, TEN = Installed("11.4.0.106", "1.7.1"), Installed("10.9.0")
PRECISIONS = ("fp16", "bf16", "int8", "fp8", "nvfp4")


def test_it_loads_without_problems():
    registry = load_plugins(extra=[plugin], installed=False)

    assert () == registry.problems
    assert {"trt", *(f"trt-{each}" for each in PRECISIONS), "TensorRT", "TensorRTCUDAGraph"} == {
        tool.name for tool in registry.tools_of("nav_trt.plugin")
    }


def test_its_import_loads_no_framework():
    code = "import sys, nav_trt.plugin; print({'tensorrt', 'onnx', 'onnxruntime', 'torch'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "set()" == result.stdout.strip()


@pytest.mark.parametrize("model", ["a.plan", "B.ENGINE"])
def test_paths_of_plans_are_recognised(model):
    assert Format.TENSORRT == plugin.nav_recognise(model)
    assert None is plugin.nav_recognise("model.onnx") is plugin.nav_recognise(3)


@pytest.fixture
def machine(monkeypatch):
    """Say which TensorRT and which GPU there are."""

    def say(tensorrt, found):
        for module in ("installed", "convert_onnx", "facts"):
            monkeypatch.setattr(f"nav_trt.{module}.installed", lambda: tensorrt)
        missing = found if isinstance(found, str) else None
        monkeypatch.setattr("nav_trt.facts.find_gpu", lambda: found)
        for module in ("convert_onnx", "run_tensorrt"):
            monkeypatch.setattr(f"nav_trt.{module}.missing_gpu", lambda: missing)

    return say


H100 = Gpu("NVIDIA H100", "580.65", "13.0")
NONE = "no NVIDIA driver is installed; install one"


@pytest.mark.parametrize(
    ("tensorrt", "found", "converter", "runner"),
    [
        (None, NONE, "tensorrt is not installed; pip install nav-trt, on Linux", "tensorrt is not installed; pip"),
        (
            Installed("8.6.1"),
            H100,
            "TensorRT 8.6.1 is installed, and nav-trt works with 10 and 11; pip",
            "TensorRT 8.6",
        ),
        (TEN, NONE, f"TensorRT builds engines on the GPU that they are for: {NONE}", NONE),
        (RTX, NONE, None, NONE),
        (TEN, H100, None, None),
    ],
)
def test_what_is_missing_is_told_with_the_fix(machine, monkeypatch, tensorrt, found, converter, runner):
    machine(tensorrt, found)
    monkeypatch.setattr("nav_trt.run_tensorrt.missing_runtime", lambda: None)
    reasons = TensorRTConverter().unavailable(), TensorRTRunner().unavailable()

    for expected, reason in zip((converter, runner), reasons, strict=True):
        assert (reason or "").startswith(expected or "\0") if expected else reason is None


@pytest.mark.parametrize(
    ("tensorrt", "found", "facts"),
    [
        (None, NONE, {}),
        (TEN, NONE, {"tensorrt.version": "10.9.0"}),
        (RTX, H100, {"tensorrt.version": "11.4.0.106 over TensorRT-RTX 1.7.1", "tensorrt.gpu": "any"}),
        (TEN, H100, {"tensorrt.version": "10.9.0", "tensorrt.gpu": "NVIDIA H100"}),
    ],
)
def test_the_environment_says_what_engines_depend_on(machine, tensorrt, found, facts):
    machine(tensorrt, found)
    own = {"gpu.name": "NVIDIA H100", "gpu.driver": "580.65", "gpu.cuda": "13.0"} if found is H100 else {}

    assert own | facts == plugin.nav_environment()
    assert set(TensorRTConverter().bound_to) == {"tensorrt.gpu", "tensorrt.version"}


class _Driver:
    """NVIDIA's management library, as its header has it."""

    def __init__(self, status=0, count=1):
        self._status, self._count = status, count

    def nvmlInit_v2(self):
        return self._status

    def nvmlShutdown(self):
        return 0

    def nvmlDeviceGetCount_v2(self, count):
        count._obj.value = self._count
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index, device):
        device._obj.value = 7
        return 0

    def nvmlDeviceGetName(self, device, name, size):
        name.value = b"NVIDIA H100"
        return 0

    def nvmlSystemGetDriverVersion(self, version, size):
        version.value = b"580.65"
        return 0

    def nvmlSystemGetCudaDriverVersion_v2(self, number):
        number._obj.value = 13000
        return 0


def test_the_driver_is_asked_for_the_gpu(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpu, "_load", _Driver)

    assert H100 == find_gpu()
    assert missing_gpu() is None


@pytest.mark.parametrize(
    ("driver", "visible", "reason"),
    [
        (_Driver(), "-1", "CUDA_VISIBLE_DEVICES='-1' hides every GPU; unset it"),
        (_Driver(status=9), "0", "the NVIDIA driver does not answer (NVML error 9); run nvidia-smi to see why"),
        (_Driver(count=0), "0", "the NVIDIA driver sees no GPU; run nvidia-smi to see what it sees"),
        (None, "0", "no NVIDIA driver is installed (libnvidia-ml.so.1 cannot be loaded); install one"),
    ],
)
def test_why_there_is_no_gpu_is_told(monkeypatch, driver, visible, reason):
    def load():
        if driver is None:
            raise OSError("not found")
        return driver

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(gpu, "_load", load)

    assert str(missing_gpu()).startswith(reason)


def test_what_cuda_refuses_is_told_in_its_words():
    class Library:
        class cudaGetErrorString:
            restype = None

            def __new__(cls, status):
                return b"out of memory"

        cudaGetLastError = staticmethod(lambda: 2)
        cudaMalloc = staticmethod(lambda *arguments: 2)

    with pytest.raises(EngineError, match=r"cudaMalloc: out of memory \(CUDA error 2\)") as caught:
        CudaRuntime(Library).allocate(1 << 40)

    assert "out-of-memory" == recognised(f"RuntimeError: {caught.value.__cause__}").kind


@pytest.mark.skipif(missing_tensorrt() is not None, reason=str(missing_tensorrt()))
@pytest.mark.skipif(missing_gpu() is None, reason="there is a GPU")
def test_the_real_cuda_runtime_says_that_there_is_no_driver():
    from nav_trt.cuda_runtime import cuda_runtime, missing_runtime

    if reason := missing_runtime():
        pytest.skip(reason)
    with pytest.raises(EngineError, match=r"cudaGetDeviceCount: .*driver version is insufficient"):
        cuda_runtime().device_count()
    assert ctypes.sizeof(ctypes.c_void_p) == 8

"""The runners on ONNX Runtime."""

import sys

import attrs
import numpy as np
import pytest
from onnx import TensorProto, helper

from nav_onnx import plugin
from nav_onnx.plugin import nav_describe
from nav_onnx.run_onnxruntime import OnnxRuntimeRunner
from navcore.contracts import Model
from navcore.domain import DeviceKind, Names
from navcore.errors import UsageError
from navcore.formats import Format
from navcore.testing.suites import RunnerSuite

CPU, CUDA, TENSORRT, TENSORRT_RTX = list(plugin.nav_runners())[:4]
HAS_CUDA = CUDA.unavailable() is None


def _model(path, examples):
    signature = nav_describe(path, examples[0], Names()).signature
    return Model(format=Format.ONNX, signature=signature, path=path, examples=examples)


class TestOnnxCPU(RunnerSuite):
    @pytest.fixture
    def tool(self):
        return CPU

    @pytest.fixture
    def examples(self):
        return tuple({"x": np.full((size, 3), size, np.float32)} for size in (2, 4))

    @pytest.fixture
    def model(self, affine, examples):
        return _model(affine, examples)

    @pytest.fixture
    def expected(self, examples, weight):
        return tuple({"y": feeds["x"] @ weight} for feeds in examples)


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_CUDA, reason=f"OnnxCUDA: {CUDA.unavailable()}")
class TestOnnxCUDA(TestOnnxCPU):
    @pytest.fixture
    def tool(self):
        return CUDA

    def test_the_nodes_run_there_and_a_bound_step_reads_its_inputs_anew(self, tool, model, weight):
        feeds = {"x": np.ones((2, 3), np.float32)}
        with tool.open(model, DeviceKind.CUDA) as infer:
            assert {"CUDAExecutionProvider": 1} == infer.placement()
            step = infer.bind(feeds)
            first = step()
            feeds["x"][:] = 2
            second = step()

        np.testing.assert_allclose(first["y"], np.ones((2, 3), np.float32) @ weight, rtol=1e-5)
        np.testing.assert_allclose(second["y"], np.full((2, 3), 2, np.float32) @ weight, rtol=1e-5)


class TestOnnxCPUOnAConvolution(RunnerSuite):
    """Two outputs, one of them integers, and a batch that is not called so."""

    @pytest.fixture
    def tool(self):
        return attrs.evolve(CPU, name="OnnxCPU-1", threads=1)

    @pytest.fixture
    def examples(self):
        return ({"image": np.random.default_rng(0).normal(size=(2, 3, 5, 5)).astype(np.float32)},)

    @pytest.fixture
    def kernel(self):
        return np.random.default_rng(1).normal(size=(4, 3, 3, 3)).astype(np.float32)

    @pytest.fixture
    def model(self, save, kernel, examples):
        nodes = [
            helper.make_node("Conv", ["image", "kernel"], ["maps"]),
            helper.make_node("ArgMax", ["maps"], ["best"], axis=1, keepdims=0),
        ]
        outputs = [("maps", TensorProto.FLOAT, ["N", 4, 3, 3]), ("best", TensorProto.INT64, ["N", 3, 3])]
        path = save(nodes, [("image", TensorProto.FLOAT, ["N", 3, 5, 5])], outputs, {"kernel": kernel})
        return _model(path, examples)

    @pytest.fixture
    def expected(self, kernel, examples):
        windows = np.lib.stride_tricks.sliding_window_view(examples[0]["image"], (3, 3), axis=(2, 3))
        maps = np.einsum("nchwij,fcij->nfhw", windows, kernel).astype(np.float32)
        return ({"maps": maps, "best": maps.argmax(axis=1)},)


@pytest.mark.gpu
@pytest.mark.skipif(bool(TENSORRT.unavailable()), reason=f"OnnxTensorRT: {TENSORRT.unavailable()}")
class TestOnnxTensorRT(TestOnnxCPU):
    @pytest.fixture
    def tool(self):
        return TENSORRT


@pytest.mark.gpu
@pytest.mark.skipif(bool(TENSORRT_RTX.unavailable()), reason=f"OnnxTensorRTRTX: {TENSORRT_RTX.unavailable()}")
class TestOnnxTensorRTRTX(TestOnnxCPU):
    @pytest.fixture
    def tool(self):
        return TENSORRT_RTX


def test_a_provider_that_is_silently_replaced_is_an_error(affine):
    runner = OnnxRuntimeRunner(name="Other", devices=(DeviceKind.CUDA,), provider="MIGraphXExecutionProvider")
    model = _model(affine, ({"x": np.ones((2, 3), np.float32)},))
    message = r"runs model.onnx on CPUExecutionProvider: MIGraphXExecutionProvider could not be .*print_debug_info"
    with (
        pytest.warns(UserWarning, match="not in available"),
        pytest.raises(RuntimeError, match=message),
        runner.open(model, DeviceKind.CUDA),
    ):
        pass


def test_without_onnxruntime_the_reference_names_the_extra(affine, monkeypatch):
    description = nav_describe(affine, None, Names())
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(UsageError, match=r"onnxruntime is not installed\n  fix: pip install 'nav-onnx\[cpu\]'"):
        description.infer({})


def test_a_model_without_a_file_is_refused(affine):
    model = attrs.evolve(_model(affine, ({"x": np.ones((2, 3), np.float32)},)), path=None)
    with pytest.raises(ValueError, match="OnnxCPU needs an ONNX file, and was given a onnx without a path"):
        CPU.open(model, DeviceKind.CPU).__enter__()


def test_the_outputs_of_a_bound_step_are_the_callers_and_its_inputs_are_read_anew(affine, weight):
    feeds = {"x": np.ones((2, 3), np.float32)}
    with CPU.open(_model(affine, (feeds,)), DeviceKind.CPU) as infer:
        step = infer.bind(feeds)
        first = step()
        feeds["x"][:] = 2
        second = step()

    np.testing.assert_allclose(first["y"], np.ones((2, 3), np.float32) @ weight, rtol=1e-5)
    np.testing.assert_allclose(second["y"], np.full((2, 3), 2, np.float32) @ weight, rtol=1e-5)


def test_an_output_of_a_bound_step_may_change_its_size(save):
    path = save(
        [helper.make_node("NonZero", ["x"], ["where"])],
        [("x", TensorProto.FLOAT, ["N"])],
        [("where", TensorProto.INT64, [1, "found"])],
    )
    feeds = {"x": np.array([1, 0, 1, 1], np.float32)}
    with CPU.open(_model(path, (feeds,)), DeviceKind.CPU) as infer:
        step = infer.bind(feeds)
        first = step()
        feeds["x"][0] = 0
        second = step()

    assert [[0, 2, 3]] == first["where"].tolist()
    assert [[2, 3]] == second["where"].tolist()

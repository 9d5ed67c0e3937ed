"""What runners do with memory, profiles and graphs, on a stand-in for a GPU; and the suites, where there is one."""

import numpy as np
import pytest

from nav_trt import TensorRTConverter, TensorRTRunner
from nav_trt.infer import EngineInfer
from nav_trt.trt_error import EngineError
from navcore.contracts import Model
from navcore.domain import Signature, TensorSpec
from navcore.formats import Format
from navcore.testing.suites import RunnerSuite, ToolSuite

from .host_cuda import HostCuda, HostEngine

SIGNATURE = Signature(
    (TensorSpec("x", "float32", ("batch", 4)),), (TensorSpec("y", "float32", ("batch", 4)),), batch="batch"
)
NO_GPU = TensorRTRunner().unavailable()
RUNNERS = TensorRTRunner(), TensorRTRunner(name="TensorRTCUDAGraph", cuda_graphs=True)


class TestTensorRT(ToolSuite):
    @pytest.fixture(params=RUNNERS, ids=lambda runner: runner.name)
    def tool(self, request):
        return request.param


@pytest.mark.gpu
@pytest.mark.skipif(NO_GPU is not None, reason=f"TensorRT: {NO_GPU}")
class TestTensorRTOnAGpu(RunnerSuite):
    @pytest.fixture(params=RUNNERS, ids=lambda runner: runner.name)
    def tool(self, request):
        return request.param

    @pytest.fixture(scope="class")
    def model(self, transformer, tmp_path_factory):
        path = tmp_path_factory.mktemp("engine") / "model.plan"
        signature = TensorRTConverter().write(transformer, path)
        return Model(format=Format.TENSORRT, signature=signature, path=path, examples=transformer.examples)

    @pytest.fixture(scope="class")
    def expected(self, transformer):
        onnxruntime = pytest.importorskip("onnxruntime")
        session = onnxruntime.InferenceSession(str(transformer.path), providers=["CPUExecutionProvider"])
        return tuple({"y": session.run(["y"], dict(feeds))[0]} for feeds in transformer.examples)


@pytest.fixture
def cuda():
    return HostCuda()


@pytest.fixture
def infer_of(engines, cuda):
    """Return a callable on a stand-in engine, which is closed in the end and must have released everything."""
    opened = []

    def make(*, graphs=False, values=False):
        opened.append(EngineInfer(HostEngine(cuda, values=values), SIGNATURE, cuda, graphs=graphs))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
    assert {} == cuda.memory
    assert {} == cuda.graphs


def rows(count):
    return np.arange(4 * count, dtype=np.float32).reshape(count, 4) - 3


@pytest.mark.parametrize("graphs", [False, True])
def test_outputs_are_right_for_every_shape_and_belong_to_the_caller(infer_of, graphs):
    infer = infer_of(graphs=graphs)
    outputs = [(count, infer({"x": rows(count)})["y"]) for count in (2, 8, 1, 2, 8)]

    for count, got in outputs:
        np.testing.assert_array_equal(2 * rows(count), got)
    np.testing.assert_array_equal(2 * rows(4), infer({"x": np.asfortranarray(rows(4))})["y"])


def test_memory_is_kept_from_call_to_call_and_grows(infer_of, cuda):
    infer = infer_of()
    for count in (8, 2, 8, 4):
        infer({"x": rows(count)})

    assert 4 == cuda.calls.count("allocate")  # input and output, on the device and pinned


def test_a_context_is_made_for_each_profile_that_is_used(infer_of):
    infer = infer_of()
    for count in (2, 1, 1, 3):
        infer({"x": rows(count)})

    assert [0, 1] == [context.profile for context in infer._engine.contexts]
    assert ("profiles used: 0, 1 of 2",) == infer.notes()


def test_graphs_are_recorded_once_for_each_shape_and_address(infer_of, cuda):
    infer = infer_of(graphs=True)
    for count in (8, 8, 2, 8, 2):
        infer({"x": rows(count)})

    assert ("profiles used: 0 of 2", "CUDA graphs recorded: 2") == infer.notes()
    assert 5 == cuda.calls.count("launch")


def test_a_graph_is_recorded_again_where_memory_has_moved(infer_of):
    infer = infer_of(graphs=True)
    for count in (2, 8, 2):
        infer({"x": rows(count)})

    assert "CUDA graphs recorded: 3" == infer.notes()[1]


@pytest.mark.parametrize("graphs", [False, True])
def test_outputs_whose_size_depends_on_values_are_whole(infer_of, graphs):
    infer = infer_of(graphs=graphs, values=True)

    for count in (2, 8, 3):
        np.testing.assert_array_equal(rows(count)[rows(count) > 0], infer({"x": rows(count)})["y"])


def test_a_shape_beyond_all_profiles_is_an_error(infer_of):
    with pytest.raises(EngineError, match=r"no profile of the engine holds x \[9, 4\]; it has"):
        infer_of()({"x": rows(9)})


def test_a_missing_input_is_an_error(infer_of):
    with pytest.raises(KeyError, match="x"):
        infer_of()({})

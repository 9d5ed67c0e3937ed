"""Which execution provider runs which nodes, and that nothing is left to the CPU in silence."""

import importlib.util

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from nav_onnx.placement import Placement, PlacementError, check_placement
from nav_onnx.plugin import nav_describe
from nav_onnx.run_onnxruntime import OnnxRuntimeRunner
from nav_onnx.runners import ONNX_CPU, RUNNERS
from nav_onnx.session_infer import SessionInfer
from navcore.contracts import Model
from navcore.domain import DeviceKind, Names
from navcore.formats import Format

CPU, GPU = "CPUExecutionProvider", "CUDAExecutionProvider"
SPLIT = Placement({GPU: {"Conv": 100, "Relu": 17}, CPU: {"Shape": 2, "Gather": 1}})
QNN = next(runner for runner in RUNNERS if runner.name == "OnnxQNN")
FLOAT = TensorProto.FLOAT

needs_qnn = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime_qnn") is None,
    reason="onnxruntime-qnn, whose library simulates its processor on x86, is not installed; see `nox -s providers`",
)

needs_record = pytest.mark.skipif(
    not hasattr(onnxruntime.InferenceSession, "get_provider_graph_assignment_info"),
    reason=f"onnxruntime {onnxruntime.__version__} does not tell who runs what; 1.24 does",
)


def _open(runner, path):
    model = Model(format=Format.ONNX, signature=nav_describe(path, None, Names()).signature, path=path)
    return runner.open(model, DeviceKind.CPU)


@needs_record
def test_a_runner_tells_how_many_nodes_ran_where(affine):
    with _open(ONNX_CPU, affine) as infer:
        assert {CPU: 1} == infer.placement()
        assert () == infer.notes()


@needs_record
def test_the_bodies_of_branches_count(save):
    value = ("v", FLOAT, ["N"])
    bodies = {
        branch: helper.make_graph(
            [helper.make_node(operator, ["x"], ["v"])], branch, [], [helper.make_tensor_value_info(*value)]
        )
        for branch, operator in (("then_branch", "Relu"), ("else_branch", "Tanh"))
    }
    node = helper.make_node("If", ["c"], ["y"], **bodies)
    path = save([node], [("c", TensorProto.BOOL, []), ("x", FLOAT, ["N"])], [("y", FLOAT, ["N"])])
    with _open(ONNX_CPU, path) as infer:
        assert {CPU: 3} == infer.placement()


@needs_record
@pytest.mark.skipif(
    "AzureExecutionProvider" not in onnxruntime.get_available_providers(),
    reason="this onnxruntime has no AzureExecutionProvider, which takes only nodes of its own",
)
def test_a_session_that_leaves_everything_to_the_cpu_is_a_failure_though_its_provider_is_there(affine):
    runner = OnnxRuntimeRunner(name="OnnxAzure", devices=(DeviceKind.CPU,), provider="AzureExecutionProvider")
    message = (
        r"AzureExecutionProvider takes no node of model.onnx: CPUExecutionProvider runs 1 of 1 node: MatMul\n  fix: use"
    )
    with pytest.raises(PlacementError, match=message), _open(runner, affine):
        pass


def test_where_the_runtime_does_not_tell_nothing_is_said():
    class OldSession:
        """As those of onnxruntime before 1.24."""

        run = None

    infer = SessionInfer(OldSession(), ("y",), CPU)

    assert ({}, ()) == (infer.placement(), infer.notes())


def test_what_others_run_is_told_by_operator():
    assert ("CPUExecutionProvider runs 3 of 120 nodes: 2 Shape, Gather",) == SPLIT.beside(GPU)


def test_only_the_most_frequent_operators_are_named():
    placement = Placement({CPU: dict.fromkeys("ABCDEFG", 1)})

    assert ("CPUExecutionProvider runs 7 of 7 nodes: A, B, C, D, E, ...",) == placement.beside(GPU)


def test_a_part_on_the_cpu_passes_where_that_is_allowed():
    check_placement(SPLIT, GPU, cpu_fallback=True, model="m.onnx")


def test_a_part_on_the_cpu_is_a_failure_where_that_is_not_allowed():
    message = (
        r"CUDAExecutionProvider does not take all of m.onnx, and cpu_fallback=False: CPUExecutionProvider runs 3 of "
        r"120 nodes: 2 Shape, Gather\n  fix: allow it with cpu_fallback=True"
    )
    with pytest.raises(PlacementError, match=message):
        check_placement(SPLIT, GPU, cpu_fallback=False, model="m.onnx")


def test_a_provider_whose_nodes_all_went_to_the_one_behind_it_is_a_failure():
    placement = Placement({GPU: {"Conv": 2}})
    with pytest.raises(
        PlacementError, match=r"TensorrtExecutionProvider takes no node of m.onnx: CUDAExecutionProvider"
    ):
        check_placement(placement, "TensorrtExecutionProvider", cpu_fallback=True, model="m.onnx")


@pytest.mark.parametrize("placement", [None, Placement({})], ids=["not told", "a graph without nodes"])
def test_nothing_is_held_against_a_provider_where_nothing_is_known(placement):
    check_placement(placement, GPU, cpu_fallback=False, model="m.onnx")


@pytest.fixture
def three(save):
    """Relu and Tanh, which QNN has, and an Einsum, which it has not; of fixed shapes, or with a named one."""

    def write(rows):
        nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Tanh", ["a"], ["b"])]
        nodes.append(helper.make_node("Einsum", ["b"], ["y"], equation="ij->ij"))
        return save(nodes, [("x", FLOAT, [rows, 3])], [("y", FLOAT, [rows, 3])])

    return write


@needs_qnn
def test_a_real_provider_that_takes_a_part_says_who_ran_the_rest(three):
    with _open(QNN, three(2)) as infer:
        outputs = infer({"x": np.array([[1, -2, 3], [0, 1, 2]], np.float32)})

        assert {CPU: 1, "QNNExecutionProvider": 2} == infer.placement()
        assert ("CPUExecutionProvider runs 1 of 3 nodes: Einsum",) == infer.notes()
    np.testing.assert_allclose(outputs["y"], np.tanh(np.maximum([[1, -2, 3], [0, 1, 2]], 0)), atol=1e-3)


@needs_qnn
def test_a_real_provider_that_takes_nothing_is_a_failure(three):
    with (
        pytest.raises(PlacementError, match=r"QNNExecutionProvider takes no node of model.onnx"),
        _open(QNN, three("N")),
    ):
        pass

"""Sessions as callables: a step that is bound to a device, and types that NumPy has no name for."""

import attrs
import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto, helper

from nav_onnx.element_types import RAW
from nav_onnx.plugin import nav_describe
from nav_onnx.runners import ONNX_CPU
from nav_onnx.session_infer import BoundInfer
from navcore.contracts import Model
from navcore.domain import DeviceKind, Names, Signature, TensorSpec
from navcore.formats import Format
from navcore.testing.suites import RunnerSuite


def _bound(path):
    """The class that serves GPUs, on the memory of the CPU."""
    signature = nav_describe(path, None, Names()).signature
    return BoundInfer(ONNX_CPU.session(path), signature.output_names, ONNX_CPU.provider, "cpu")


def test_a_step_on_a_device_copies_its_inputs_anew_and_its_outputs_are_the_callers(affine, weight):
    feeds = {"x": np.ones((2, 3), np.float32)}
    step = _bound(affine).bind(feeds)
    first = step()
    feeds["x"][:] = 2
    second = step()

    np.testing.assert_allclose(first["y"], np.ones((2, 3), np.float32) @ weight, rtol=1e-5)
    np.testing.assert_allclose(second["y"], np.full((2, 3), 2, np.float32) @ weight, rtol=1e-5)


def test_an_output_of_a_step_on_a_device_may_change_its_size(save):
    node, found = helper.make_node("NonZero", ["x"], ["where"]), ("where", TensorProto.INT64, [1, "found"])
    feeds = {"x": np.array([1, 0, 1, 1], np.float32)}
    step = _bound(save([node], [("x", TensorProto.FLOAT, ["N"])], [found])).bind(feeds)
    first = step()
    feeds["x"][0] = 0
    second = step()

    assert [[0, 2, 3]] == first["where"].tolist()
    assert [[2, 3]] == second["where"].tolist()


class TestBfloat16(RunnerSuite):
    """`y = x` in bfloat16, and `z = x` in float32."""

    @pytest.fixture
    def tool(self):
        return ONNX_CPU

    @pytest.fixture
    def examples(self):
        return tuple({"x": np.full((size, 3), size + 0.5, ml_dtypes.bfloat16)} for size in (2, 4))

    @pytest.fixture
    def model(self, save, examples):
        nodes = [
            helper.make_node("Identity", ["x"], ["y"]),
            helper.make_node("Cast", ["x"], ["z"], to=TensorProto.FLOAT),
        ]
        inputs = [("x", TensorProto.BFLOAT16, ["N", 3])]
        outputs = [("y", TensorProto.BFLOAT16, ["N", 3]), ("z", TensorProto.FLOAT, ["N", 3])]
        path = save(nodes, inputs, outputs)
        signature = nav_describe(path, None, Names()).signature
        return Model(format=Format.ONNX, signature=signature, path=path, examples=examples)

    @pytest.fixture
    def expected(self, examples):
        return tuple({"y": feeds["x"], "z": feeds["x"].astype(np.float32)} for feeds in examples)

    def test_a_bound_step_reads_its_inputs_anew(self, tool, model):
        feeds = {"x": np.ones((2, 3), ml_dtypes.bfloat16)}
        with tool.open(model, DeviceKind.CPU) as infer:
            step = infer.bind(feeds)
            first = step()
            feeds["x"][:] = 2
            second = step()

        assert [[1, 1, 1]] * 2 == first["y"].astype(np.float32).tolist()
        assert [[2, 2, 2]] * 2 == second["y"].astype(np.float32).tolist()


def test_a_scalar_of_such_a_type_stays_a_scalar(save):
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    path = save(nodes, [("x", TensorProto.BFLOAT16, [])], [("y", TensorProto.BFLOAT16, [])])
    model = Model(format=Format.ONNX, signature=nav_describe(path, None, Names()).signature, path=path)
    with ONNX_CPU.open(model, DeviceKind.CPU) as infer:
        outputs = infer({"x": np.array(2.5, ml_dtypes.bfloat16)})

    assert ((), 2.5) == (outputs["y"].shape, float(outputs["y"]))


@pytest.mark.parametrize(
    ("element", "name"), [(number, name) for number, name in RAW.items() if name.startswith(("float8_e4", "float8_e5"))]
)
def test_floats_of_eight_bits_go_in_and_out_bit_by_bit(save, element, name):
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    path = save(nodes, [("x", element, ["N"])], [("y", element, ["N"])], opset=19)
    feeds = {"x": np.array([0.5, -1.5, 0], name)}
    model = Model(format=Format.ONNX, signature=nav_describe(path, None, Names()).signature, path=path)
    with ONNX_CPU.open(model, DeviceKind.CPU) as infer:
        outputs = infer(feeds)
        empty = infer({"x": np.zeros(0, name)})

    assert (name, [0.5, -1.5, 0]) == (outputs["y"].dtype.name, outputs["y"].astype(np.float32).tolist())
    assert (0,) == empty["y"].shape


def test_integers_of_four_bits_are_unsuited_by_name(affine):
    given, made = TensorSpec("x", "int4", ("N",)), TensorSpec("y", "float32", ("N",))
    model = Model(format=Format.ONNX, signature=Signature((given,), (made,)), path=affine)
    message = "x: int4[N] has several elements to a byte, and ONNX Runtime takes no such arrays from Python"

    assert message == ONNX_CPU.unsuited(model)
    assert ONNX_CPU.unsuited(attrs.evolve(model, signature=Signature((), (made,)))) is None

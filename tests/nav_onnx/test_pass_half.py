"""onnx-fp16 and onnx-bf16: half precision, but for the parts that do not stand it."""

import attrs
import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from nav_onnx import plugin
from nav_onnx.pass_error import PassError
from nav_onnx.pass_fuse import OnnxFuse
from nav_onnx.pass_half import OnnxHalf
from nav_onnx.pass_int8_dynamic import OnnxInt8Dynamic
from nav_onnx.pass_measure import error_of, run_file
from nav_onnx.pass_slim import OnnxSlim
from navcore.testing.suites import ConverterSuite

from .small_models import convnet, images, model_of, tokens, transformer, write

FLOAT = TensorProto.FLOAT
FP16, BF16 = OnnxHalf(name="onnx-fp16"), OnnxHalf(name="onnx-bf16", precision="bf16")
X = np.random.default_rng(0).normal(size=(2, 8)).astype(np.float32)
W = np.random.default_rng(1).normal(size=(8, 8)).astype(np.float32)


class TestFp16(ConverterSuite):
    atol, rtol = 5e-3, 5e-3

    @pytest.fixture
    def tool(self):
        return FP16

    @pytest.fixture
    def model(self, tmp_path):
        return model_of(convnet(tmp_path / "source" / "model.onnx"), images())

    @pytest.fixture
    def runner(self):
        return next(runner for runner in plugin.nav_runners() if runner.name == "OnnxCPU")

    @pytest.fixture
    def expected(self, model):
        return run_file(model.path, model.examples)


class TestFp16OfATransformer(TestFp16):
    @pytest.fixture
    def model(self, tmp_path):
        return model_of(transformer(tmp_path / "source" / "model.onnx"), tokens())


class TestBf16(TestFp16):
    @pytest.fixture
    def tool(self):
        return BF16


@pytest.fixture
def out(tmp_path):
    (tmp_path / "artifact").mkdir()
    return tmp_path / "artifact" / "model.onnx"


@pytest.fixture
def chain(tmp_path):
    """`y = ((x @ w) * 3000 * 3000) @ v`: what is between the two products is beyond 65504."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], "first"),
        helper.make_node("Mul", ["a", "scale"], ["b"], "near"),
        helper.make_node("Mul", ["b", "scale"], ["c"], "beyond"),
        helper.make_node("MatMul", ["c", "v"], ["y"], "last"),
    ]
    weights = {"w": W, "scale": np.float32(3000), "v": W * np.float32(1e-6)}
    sides = [(name, FLOAT, ["N", 8]) for name in "xy"]
    return model_of(write(tmp_path / "chain.onnx", nodes, sides[:1], sides[1:], weights), [{"x": X}])


@pytest.fixture
def product(tmp_path):
    """`y = x @ w`, with weights that float16 does not hold."""
    node = helper.make_node("MatMul", ["x", "w"], ["y"], "product")
    sides = [(name, FLOAT, ["N", 8]) for name in "xy"]
    path = write(tmp_path / "product.onnx", [node], sides[:1], sides[1:], {"w": W * np.float32(1e6)})
    return model_of(path, [{"x": X}])


def _elements(path):
    return {TensorProto.DataType.Name(tensor.data_type) for tensor in onnx.load(path).graph.initializer}


def _error(model, path):
    return error_of(run_file(model.path, model.examples), run_file(path, model.examples))


def test_weights_are_halved_and_inputs_and_outputs_keep_their_types(tmp_path, out):
    model = model_of(convnet(tmp_path / "net.onnx"), images())
    FP16.write(model, out)

    assert {"FLOAT16"} == _elements(out)
    assert ["float32", "float32"] == [
        spec.dtype for spec in (*model_of(out).signature.inputs, *model.signature.outputs)
    ]
    assert out.stat().st_size < 0.6 * model.path.stat().st_size


def test_nodes_around_values_that_float16_cannot_hold_stay_in_float32(chain, out, capsys):
    FP16.write(chain, out)

    assert "2 of 4 nodes are lowered to fp16; in fp32 stay: beyond, last" in capsys.readouterr().out
    assert {"FLOAT", "FLOAT16"} == _elements(out)
    assert _error(chain, out) < 5e-3


def test_no_value_is_lowered_between_two_nodes_that_stay(chain, out):
    FP16.write(chain, out)
    proto = onnx.load(out)
    onnx.checker.check_model(str(out), full_check=True)

    nodes = {node.name: node for node in proto.graph.node}
    assert nodes["beyond"].output[0] == nodes["last"].input[0]


def test_fp16_that_overflows_everywhere_is_refused_with_what_was_found(product, out):
    message = r"no operator of the model can be lowered to fp16: outputs are off by more than 0\.005 .* beyond 65504"
    with pytest.raises(PassError, match=message + r"\n  fix: keep fp32, or allow more: max_error of onnx-fp16"):
        FP16.write(product, out)

    assert [] == list(out.parent.iterdir())


def test_a_model_that_is_all_in_branches_has_nothing_to_lower(tmp_path, out):
    """Tools lower the main graph alone, as silero-vad has it: an If, and in its branches the net."""
    value = helper.make_tensor_value_info("z", FLOAT, None)
    branches = {
        name: helper.make_graph([helper.make_node(operator, ["x", "w"], ["z"])], name, [], [value])
        for name, operator in (("then_branch", "MatMul"), ("else_branch", "Add"))
    }
    nodes = [helper.make_node("If", ["large"], ["y"], "choice", **branches)]
    sides = [("large", TensorProto.BOOL, []), ("x", FLOAT, [8, 8])], [("y", FLOAT, [8, 8])]
    path = write(tmp_path / "branches.onnx", nodes, *sides, {"w": W * np.float32(1e6)})
    model = model_of(path, [{"large": np.array(True), "x": W}])
    with pytest.raises(PassError, match="no operator of the model can be lowered to fp16"):
        FP16.write(model, out)


def test_without_runs_it_is_lowered_blindly(product, out):
    attrs.evolve(FP16, most_runs=0).write(product, out)

    assert {"FLOAT16"} == _elements(out)
    assert _error(product, out) > 0.5


def test_weights_that_lose_what_matters_are_found(tmp_path, out, capsys):
    """The table holds 4096.5, which float16 rounds to 4096; of the second product nothing is lost."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], "harmless"),
        helper.make_node("Mul", ["x", "fine"], ["b"], "delicate"),
        helper.make_node("Sub", ["b", "c"], ["d"], "difference"),
        helper.make_node("Add", ["a", "d"], ["y"], "sum"),
    ]
    weights = {"w": np.eye(8, dtype=np.float32), "fine": np.float32(4096.5)}
    sides = [("x", FLOAT, ["N", 8]), ("c", FLOAT, ["N", 8])]
    path = write(tmp_path / "delicate.onnx", nodes, sides, [("y", FLOAT, ["N", 8])], weights)
    ones = np.ones((2, 8), np.float32)
    model = model_of(path, [{"x": ones, "c": 4096 * ones}])
    FP16.write(model, out)
    told = capsys.readouterr().out

    assert "with 0 nodes in fp32: off by 0.333" in told
    assert _error(model, out) < 5e-3
    assert "harmless" not in told.rpartition("in fp32 stay: ")[2]


def test_bf16_keeps_the_range_of_float32_and_fewer_digits(chain, out):
    attrs.evolve(BF16, most_runs=0).write(chain, out)
    proto = onnx.load(out)
    onnx.checker.check_model(str(out), full_check=True)

    assert {"BFLOAT16"} == _elements(out)
    assert {TensorProto.FLOAT} == {
        value.type.tensor_type.elem_type for value in (*proto.graph.input, *proto.graph.output)
    }
    weight = next(tensor for tensor in proto.graph.initializer if tensor.name == "w")
    np.testing.assert_allclose(
        np.frombuffer(weight.raw_data, ml_dtypes.bfloat16).astype(np.float32), W.ravel(), rtol=2**-8
    )


def test_bf16_computes_what_fp32_does_within_its_digits(chain, out):
    """By ONNX's own evaluator: ONNX Runtime has no kernels for it on a CPU."""
    attrs.evolve(BF16, most_runs=0).write(chain, out)
    (got,) = ReferenceEvaluator(str(out)).run(None, {"x": X})

    assert error_of(run_file(chain.path, [{"x": X}]), [{"y": np.asarray(got)}]) < 4e-2


def test_bf16_leaves_in_fp32_what_takes_no_bfloat16_in_the_opset_of_the_graph(tmp_path, out):
    attrs.evolve(BF16, most_runs=0).write(model_of(convnet(tmp_path / "net.onnx", opset=18), images()), out)
    convolutions = [node for node in onnx.load(out).graph.node if node.op_type == "Conv"]

    assert {"FLOAT", "BFLOAT16"} == _elements(out)  # Conv takes it from opset 22 on
    assert not any("graph_input_cast" in name for node in convolutions for name in node.input)


def test_where_nothing_multiplies_in_bfloat16_bf16_says_so(monkeypatch):
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])

    assert BF16.unavailable() == (
        "this onnxruntime (with CPUExecutionProvider) has no kernels that multiply in bfloat16; "
        "pip install 'nav-onnx[gpu]', or nav-openvino, which lowers to bf16 by itself where the CPU has it"
    )
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider"])
    assert BF16.unavailable() is None


def test_a_fused_graph_can_be_lowered(tmp_path, out):
    fused = tmp_path / "fused" / "model.onnx"
    fused.parent.mkdir()
    OnnxFuse().write(model_of(transformer(tmp_path / "source" / "model.onnx"), tokens()), fused)
    model = model_of(fused, tokens())

    assert FP16.unsuited(model) is None
    FP16.write(model, out)
    assert {"FLOAT16"} >= _elements(out) - {"INT64", "INT32"}
    assert _error(model, out) < 5e-3


def test_there_is_no_point_in_lowering_twice(tmp_path, out):
    source = model_of(transformer(tmp_path / "source" / "model.onnx"), tokens())
    FP16.write(source, out)
    assert "nothing in the model is float32" == FP16.unsuited(
        attrs.evolve(source, path=_without_float_sides(out, tmp_path / "half.onnx"))
    )
    OnnxInt8Dynamic().write(source, out)
    assert "the model is quantised already" == FP16.unsuited(model_of(out))
    OnnxSlim().write(source, out)
    assert FP16.unsuited(model_of(out)).startswith("it cleans the graph itself")
    assert FP16.unsuited(source) is None


def _without_float_sides(path, other):
    proto = onnx.load(path)
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    onnx.save(proto, other)
    return other


@pytest.mark.parametrize("options", [{"precision": "int8"}, {"most_runs": -1}, {"check_samples": 0}, {"max_error": 0}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        OnnxHalf(name="onnx-half", **options)

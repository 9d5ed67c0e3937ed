"""onnx-int8 and onnx-int8-dynamic: quantised as far as outputs on samples allow."""

import attrs
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from nav_onnx import plugin
from nav_onnx.fake_int8 import rounded
from nav_onnx.int8_kind import Int8Kind, int8_kind
from nav_onnx.pass_error import PassError
from nav_onnx.pass_fuse import OnnxFuse
from nav_onnx.pass_int8_dynamic import OnnxInt8Dynamic
from nav_onnx.pass_int8_static import OnnxInt8
from nav_onnx.pass_measure import error_of, run_file
from nav_onnx.pass_slim import OnnxSlim
from nav_onnx.prepared import prepared
from nav_onnx.quantise import StaticForm, quantised_statically, with_weights
from nav_onnx.ranges import calibrated
from navcore.testing.suites import ConverterSuite

from .small_models import convnet, images, model_of, tokens, transformer, write

FLOAT = TensorProto.FLOAT
EXTERNAL = {"save_as_external_data": True, "size_threshold": 0, "location": "weights.bin"}


class TestOnnxInt8(ConverterSuite):
    atol, rtol = 0.1, 0.1

    @pytest.fixture
    def tool(self):
        return OnnxInt8()

    @pytest.fixture
    def model(self, tmp_path):
        return model_of(convnet(tmp_path / "source" / "model.onnx"), images())

    @pytest.fixture
    def runner(self):
        return next(runner for runner in plugin.nav_runners() if runner.name == "OnnxCPU")

    @pytest.fixture
    def expected(self, model):
        return run_file(model.path, model.examples)


class TestOnnxInt8OnExternalData(TestOnnxInt8):
    @pytest.fixture
    def model(self, tmp_path):
        return model_of(convnet(tmp_path / "source" / "model.onnx", **EXTERNAL), images())


class TestOnnxInt8Dynamic(TestOnnxInt8):
    @pytest.fixture
    def tool(self):
        return OnnxInt8Dynamic()

    @pytest.fixture
    def model(self, tmp_path):
        return model_of(transformer(tmp_path / "source" / "model.onnx"), tokens())


@pytest.fixture
def out(tmp_path):
    (tmp_path / "artifact").mkdir()
    return tmp_path / "artifact" / "model.onnx"


@pytest.fixture
def net(tmp_path):
    return model_of(convnet(tmp_path / "net.onnx"), images())


@pytest.fixture
def block(tmp_path):
    return model_of(transformer(tmp_path / "block.onnx"), tokens())


@pytest.fixture
def outlier(tmp_path):
    """`y = ((x @ a) @ b) @ c`: in each column of `b` and `c` one weight is 10,000 times the others, and meets zeros."""
    random = np.random.default_rng(0)
    x = random.normal(size=(4, 16)).astype(np.float32)
    a, b, c = (random.normal(size=(16, 16)).astype(np.float32) for _ in range(3))
    a[:, 0] = b[:, 0] = 0  # so that the first row of what follows has no effect
    b[0, 1:], c[0] = 1e4, 1e4
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["xa"], "plain"),
        helper.make_node("MatMul", ["xa", "b"], ["xb"], "outlier"),
        helper.make_node("MatMul", ["xb", "c"], ["y"], "outlier_too"),
    ]
    sides = [(name, FLOAT, ["N", 16]) for name in "xy"]
    path = write(tmp_path / "outlier.onnx", nodes, sides[:1], sides[1:], {"a": a, "b": b, "c": c})
    return model_of(path, [{"x": x}])


def _operators(path):
    return [node.op_type for node in onnx.load(path).graph.node]


def _error(model, path):
    return error_of(run_file(model.path, model.examples), run_file(path, model.examples))


def _scales(path):
    """Shapes of the scales of weights, by the weight."""
    proto = onnx.load(path)
    shapes = {tensor.name: tuple(tensor.dims) for tensor in proto.graph.initializer}
    found = [node for node in proto.graph.node if node.op_type == "DequantizeLinear" and node.input[0] in shapes]
    return {node.input[0].removesuffix("_quantized"): shapes[node.input[1]] for node in found}


def _elements(path):
    return {TensorProto.DataType.Name(tensor.data_type) for tensor in onnx.load(path).graph.initializer}


@pytest.mark.parametrize("method", ["minmax", "entropy", "percentile"])
def test_each_calibration_gives_q_dq_pairs_around_all_layers(net, out, method):
    OnnxInt8(method=method, percentile=99.99).write(net, out)
    proto = onnx.load(out)
    made = {name: node.op_type for node in proto.graph.node for name in node.output}
    layers = [node for node in proto.graph.node if node.op_type in ("Conv", "Gemm")]

    assert 4 == len(layers)
    assert {"DequantizeLinear"} == {made[name] for node in layers for name in node.input[:2]}
    assert _error(net, out) < 0.1


def test_weights_have_a_scale_for_each_channel_unless_told_otherwise(net, out):
    OnnxInt8().write(net, out)
    assert {"w0": (16,), "w1": (16,), "w2": (16,)} == {name: _scales(out)[name] for name in ("w0", "w1", "w2")}

    OnnxInt8(per_channel=False).write(net, out)
    assert {()} == {_scales(out)[name] for name in ("w0", "w1", "w2")}


def test_names_types_and_open_axes_stay(block, out):
    OnnxInt8().write(block, out)

    assert str(block.signature) == str(model_of(out).signature)


def test_in_a_transformer_only_products_with_weights_are_quantised(block, out):
    OnnxInt8().write(block, out)
    proto = onnx.load(out)
    quantised = {name for node in proto.graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    inside = {node.op_type for node in proto.graph.node if quantised & set(node.input[:1])}

    assert 6 == sum(node.op_type == "MatMul" and node.input[1] in quantised for node in proto.graph.node)
    assert "Softmax" not in inside
    assert not quantised & {name for node in proto.graph.node for name in node.input if node.name == "node_context"}


def test_the_form_for_tensorrt_has_its_zeros_at_0_and_biases_in_float(net, out):
    OnnxInt8(activations="int8", symmetric=True, quantize_bias=False, reduce_range=False).write(net, out)
    proto = onnx.load(out)
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    pairs = [node for node in proto.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    zeros = [weights[node.input[2]] for node in pairs]

    assert {np.dtype(np.int8)} == {zero.dtype for zero in zeros}
    assert not any(zero.any() for zero in zeros)
    assert "INT32" not in _elements(out)


@pytest.mark.parametrize("tool", [OnnxInt8(), OnnxInt8Dynamic()], ids=lambda tool: tool.name)
def test_nodes_that_hurt_stay_in_float_until_outputs_are_within_the_bound(outlier, out, tool, capsys):
    attrs.evolve(tool, max_error=None, per_channel=True).write(outlier, out)
    assert _error(outlier, out) > 0.1

    attrs.evolve(tool, per_channel=True).write(outlier, out)
    told = capsys.readouterr().out
    assert _error(outlier, out) <= 0.1
    assert "in float stay: outlier, outlier_too" in told
    assert "2 of 3 nodes in int8: off by" in told or "1 of 3 nodes in int8: off by" in told


def test_where_no_node_can_be_in_int8_it_is_refused_with_the_error_that_was_found(outlier, out):
    proto = onnx.load(outlier.path)
    del proto.graph.node[0]
    proto.graph.node[0].input[0] = "x"
    onnx.save(proto, outlier.path)
    outlier.examples[0]["x"][:, 0] = 0
    message = r"no node can be in int8: with all 2 of them outputs are off by \S+ of their largest value, and no part"
    with pytest.raises(
        PassError, match=message + r"[\s\S]*fix: give samples like real inputs, or allow more: max_error"
    ):
        OnnxInt8().write(outlier, out)

    assert [] == list(out.parent.iterdir())


def test_rounding_in_float_shows_about_the_error_of_quantising(net, out):
    """Of each layer, and of all of them; it is by these figures that the worst are found."""
    graph = prepared(net.path)
    onnx.save(graph, out)
    ranges = calibrated(out, net.examples)
    layers = [node.name for node in with_weights(graph, ("Conv", "Gemm"))]
    expected, form = run_file(net.path, net.examples), StaticForm(kind=Int8Kind(signed=False, reduce_range=False))

    def error(proto):
        onnx.save(proto, out)
        return error_of(expected, run_file(out, net.examples, optimised=False))

    assert error(rounded(graph, (), ranges)) < 1e-5
    for some in (*((layer,) for layer in layers), tuple(layers)):
        real = error(quantised_statically(graph, ranges, some, ("Conv", "Gemm"), form))
        assert real / 4 < error(rounded(graph, some, ranges)) < 4 * real


def test_rounding_at_each_call_shows_the_error_of_dynamic_quantisation(block, out):
    graph = prepared(block.path)
    onnx.save(rounded(graph, ("node_wide_product",)), out)
    found = _error(block, out)
    others = tuple(node.name for node in with_weights(graph, ("MatMul",)) if node.name != "node_wide_product")
    OnnxInt8Dynamic(max_error=None, nodes_to_exclude=others).write(block, out)

    assert _error(block, out) / 4 < found < 4 * _error(block, out)


def test_dynamic_quantisation_takes_gemm_too_and_leaves_convolutions(net, out):
    OnnxInt8Dynamic().write(net, out)

    assert (1, 3) == (_operators(out).count("MatMulInteger"), _operators(out).count("Conv"))
    assert _error(net, out) < 0.1


def test_dynamic_quantisation_takes_a_graph_whose_own_shapes_contradict_it(net, out):
    """As torch's exporter leaves them: `Inferred shape and existing shape differ in dimension 0`."""
    proto = onnx.load(net.path)
    proto.graph.value_info.append(helper.make_tensor_value_info("flat", FLOAT, [512, 7]))
    onnx.save(proto, net.path)
    OnnxInt8Dynamic().write(net, out)

    assert "MatMulInteger" in _operators(out)


def test_nodes_can_be_kept_out_by_name_and_operators_chosen(net, out):
    OnnxInt8(nodes_to_exclude=("conv0", "classifier"), op_types=("Conv", "Gemm")).write(net, out)
    proto = onnx.load(out)

    assert {"w1", "w2"} <= _scales(out).keys()
    assert not {"w0", "fc"} & _scales(out).keys()
    assert "Add" in {node.op_type for node in proto.graph.node}


def test_where_all_nodes_are_kept_out_there_is_nothing_to_quantise(net, out):
    with pytest.raises(PassError, match="onnx-int8 finds no node to quantise\n  fix: look at op_types and nodes_to_ex"):
        OnnxInt8(op_types=("Gemm",), nodes_to_exclude=("classifier",)).write(net, out)


def test_without_samples_there_are_no_ranges(net, out):
    with pytest.raises(PassError, match="onnx-int8 needs samples to find ranges with\n  fix: pass a dataloader"):
        OnnxInt8().write(attrs.evolve(net, examples=()), out)


def test_an_old_opset_is_raised_to_the_one_that_has_scales_per_channel(tmp_path, out):
    model = model_of(convnet(tmp_path / "old.onnx", opset=9), images())
    OnnxInt8().write(model, out)

    assert 13 == onnx.load(out).opset_import[0].version
    assert _error(model, out) < 0.1


def test_a_model_that_is_too_large_for_one_file_gets_its_weights_beside_it(net, out, monkeypatch):
    monkeypatch.setattr("nav_onnx.pass_files._LARGEST_INLINE_BYTES", 1)
    OnnxInt8().write(net, out)

    assert ["model.onnx", "model.onnx.data"] == sorted(path.name for path in out.parent.iterdir())
    assert _error(net, out) < 0.1


def test_when_there_is_no_point(net, block, out, tmp_path):
    relu = write(tmp_path / "relu.onnx", [helper.make_node("Relu", ["x"], ["y"])], *_sides(), {})
    bare = model_of(relu)
    weightless = "no Conv or ConvTranspose or Gemm or MatMul of the main graph has weights"
    assert (weightless, None) == (OnnxInt8().unsuited(bare), OnnxInt8().unsuited(net))
    assert "no Attention or Gemm or MatMul of the main graph has weights" == OnnxInt8Dynamic().unsuited(bare)

    OnnxInt8().write(net, out)
    assert "the model is quantised already" == OnnxInt8Dynamic().unsuited(model_of(out))
    OnnxSlim().write(net, out)
    assert OnnxInt8().unsuited(model_of(out)).startswith("it cleans the graph itself")


def test_a_fused_graph_is_quantised_dynamically_where_attention_was_fused(block, out):
    OnnxFuse().write(block, out)
    attends = "Attention" in _operators(out)  # onnxruntime 1.22 does not fuse that of this block

    assert OnnxInt8().unsuited(model_of(out)).startswith("fused operators hide the products")
    assert (OnnxInt8Dynamic().unsuited(model_of(out)) is None) == attends


def _sides():
    return [("x", FLOAT, ["N"])], [("y", FLOAT, ["N"])]


@pytest.mark.parametrize(
    ("machine", "flags", "kind"),
    [
        ("x86_64", "fma avx2 avx512_vnni", Int8Kind(signed=False, reduce_range=False)),
        ("AMD64", "avx2 avx_vnni", Int8Kind(signed=False, reduce_range=False)),
        ("x86_64", "fma avx2", Int8Kind(signed=False, reduce_range=True)),
        ("aarch64", None, Int8Kind(signed=True, reduce_range=False)),
        ("arm64", None, Int8Kind(signed=True, reduce_range=False)),
        ("x86_64", None, Int8Kind(signed=False, reduce_range=True)),
    ],
)
def test_the_form_of_int8_is_that_of_the_processor(tmp_path, machine, flags, kind):
    cpuinfo = tmp_path / "cpuinfo"
    if flags is not None:
        cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n\nprocessor\t: 1\nflags\t\t: {flags}\n")

    assert kind == int8_kind(machine, cpuinfo)


@pytest.mark.parametrize(("reduce_range", "largest"), [(True, 64), (False, 127)])
def test_reduced_weights_have_seven_bits(net, out, reduce_range, largest):
    OnnxInt8(reduce_range=reduce_range, max_error=None).write(net, out)
    weights = [onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(out).graph.initializer]

    assert largest == max(int(np.abs(array.astype(int)).max()) for array in weights if array.dtype == np.int8)


@pytest.mark.parametrize(
    "options", [{"method": "guess"}, {"max_error": 0.0}, {"activations": "int4"}, {"search_s": -1}]
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        OnnxInt8(**options)

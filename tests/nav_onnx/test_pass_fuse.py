"""onnx-fuse: parts of Transformers become operators of ONNX Runtime."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from nav_onnx import plugin
from nav_onnx.pass_error import PassError
from nav_onnx.pass_fuse import OnnxFuse
from nav_onnx.pass_measure import run_file
from nav_onnx.pass_slim import OnnxSlim
from navcore.testing.suites import ConverterSuite

from .small_models import convnet, images, model_of, tokens, transformer, write


class TestOnnxFuse(ConverterSuite):
    @pytest.fixture
    def tool(self):
        return OnnxFuse(always=True)

    @pytest.fixture
    def model(self, tmp_path):
        return model_of(transformer(tmp_path / "source" / "model.onnx"), tokens())

    @pytest.fixture
    def runner(self):
        return next(runner for runner in plugin.nav_runners() if runner.name == "OnnxCPU")

    @pytest.fixture
    def expected(self, model):
        return run_file(model.path, model.examples)


@pytest.fixture
def out(tmp_path):
    (tmp_path / "artifact").mkdir()
    return tmp_path / "artifact" / "model.onnx"


def test_the_block_is_fused_and_the_checker_takes_it(tmp_path, out, capsys):
    path = transformer(tmp_path / "model.onnx")
    OnnxFuse().write(model_of(path, tokens()), out)
    proto = onnx.load(out)
    onnx.checker.check_model(str(out))

    fused = {node.op_type for node in proto.graph.node if node.domain == "com.microsoft"}
    assert {"SkipLayerNormalization", "Gelu"} <= fused
    assert len(proto.graph.node) < len(onnx.load(path).graph.node)
    assert "patterns of bert: 32 nodes became" in capsys.readouterr().out


def test_a_graph_of_an_old_opset_is_raised_to_the_one_of_what_is_fused(tmp_path, out):
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[-1]),
        helper.make_node("Sub", ["x", "mean"], ["centred"]),
        helper.make_node("Pow", ["centred", "two"], ["squares"]),
        helper.make_node("ReduceMean", ["squares"], ["variance"], axes=[-1]),
        helper.make_node("Add", ["variance", "epsilon"], ["safe"]),
        helper.make_node("Sqrt", ["safe"], ["deviation"]),
        helper.make_node("Div", ["centred", "deviation"], ["normal"]),
        helper.make_node("Mul", ["normal", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["y"]),
    ]
    weights = {"two": np.float32(2), "epsilon": np.float32(1e-5)}
    weights |= {"scale": np.arange(1, 5, dtype=np.float32), "bias": np.arange(4, dtype=np.float32)}
    sides = [(name, TensorProto.FLOAT, ["N", 4]) for name in "xy"]
    path = write(tmp_path / "old.onnx", nodes, sides[:1], sides[1:], weights, opset=13)
    feeds = {"x": np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)}
    OnnxFuse().write(model_of(path, [feeds]), out)

    assert ["LayerNormalization"] == [node.op_type for node in onnx.load(out).graph.node]
    np.testing.assert_allclose(run_file(path, [feeds])[0]["y"], run_file(out, [feeds])[0]["y"], atol=1e-5)


@pytest.mark.parametrize("attributes", [{"approximate": "tanh"}, {"approximate": "none"}, {}], ids=str)
def test_a_gelu_by_tanh_stays_one_where_its_bias_is_fused(attributes, tmp_path, out):
    nodes = [
        helper.make_node("LayerNormalization", ["x", "scale", "bias"], ["normal"]),
        helper.make_node("MatMul", ["normal", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["sum"]),
        helper.make_node("Gelu", ["sum"], ["y"], **attributes),
    ]
    rng = np.random.default_rng(0)
    weights = {"scale": np.full(8, 2, np.float32), "bias": np.linspace(-1, 1, 8, dtype=np.float32)}
    weights["weight"] = rng.normal(size=(8, 8)).astype(np.float32)
    sides = [(name, TensorProto.FLOAT, ["N", 3, 8]) for name in "xy"]
    path = write(tmp_path / "gelu.onnx", nodes, sides[:1], sides[1:], weights, opset=20)
    feeds = {"x": rng.normal(size=(4, 3, 8)).astype(np.float32)}
    OnnxFuse().write(model_of(path, [feeds]), out)

    fused = "FastGelu" if attributes.get("approximate") == "tanh" else "BiasGelu"
    assert ["LayerNormalization", "MatMul", fused] == [node.op_type for node in onnx.load(out).graph.node]
    np.testing.assert_allclose(run_file(path, [feeds])[0]["y"], run_file(out, [feeds])[0]["y"], atol=1e-6)


def test_where_nothing_can_be_fused_it_says_what_was_looked_for(tmp_path, out):
    model = model_of(convnet(tmp_path / "net.onnx"), images())
    message = r"no operator that takes the place of several in this graph; .* were looked for: bert, gpt2"
    with pytest.raises(PassError, match=message + r"\n  fix: name another model_type for onnx-fuse, of bert, gpt2, "):
        OnnxFuse().write(model, out)

    assert "there is no attention and no layer normalisation to fuse" == OnnxFuse().unsuited(model)


def test_a_transformer_suits_it_once(tmp_path, out):
    model = model_of(transformer(tmp_path / "model.onnx"), tokens())

    assert OnnxFuse().unsuited(model) is None
    OnnxFuse().write(model, out)
    assert "its operators are fused already" == OnnxFuse().unsuited(model_of(out))


def test_after_onnx_slim_it_would_give_the_same(tmp_path, out):
    OnnxSlim().write(model_of(transformer(tmp_path / "model.onnx")), out)

    assert "it cleans the graph itself, so that it would give what it gives without onnx-slim" == OnnxFuse().unsuited(
        model_of(out)
    )


def test_a_model_type_that_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="'model_type' must be in"):
        OnnxFuse(model_type="resnet")


def test_without_a_gpu_the_plan_says_why_it_is_left_out_and_how_to_try_it(monkeypatch):
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])

    assert OnnxFuse().unavailable() == (
        "on a CPU ONNX Runtime fuses by itself as it opens a file; "
        "to try it all the same: custom_configs=[nav.OnnxPassConfig(fuse=True)]"
    )
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider"])
    assert OnnxFuse().unavailable() is None

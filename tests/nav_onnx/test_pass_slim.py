"""onnx-slim: folds what is constant, keeps what the graph takes and gives, and does not blow it up."""

import attrs
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from nav_onnx import plugin
from nav_onnx.clean import cleaned_or_as_it_is, growth
from nav_onnx.pass_error import PassError
from nav_onnx.pass_measure import run_file
from nav_onnx.pass_slim import OnnxSlim
from navcore.testing.suites import ConverterSuite

from .small_models import convnet, images, model_of, write

FLOAT = TensorProto.FLOAT
EXTERNAL = {"save_as_external_data": True, "size_threshold": 0, "location": "weights.bin"}
X = np.arange(12, dtype=np.float32).reshape(2, 6)


def _foldable(folder, **options):
    """`y = x + (a * b)`, where the product is constant; an input that nothing uses, and an Identity."""
    nodes = [
        helper.make_node("Mul", ["a", "b"], ["product"], "product"),
        helper.make_node("Identity", ["x"], ["same"]),
        helper.make_node("Add", ["same", "product"], ["y"], "sum"),
    ]
    inputs = [("unused", TensorProto.INT64, ["N"]), ("x", FLOAT, ["N", 6])]
    weights = {"a": np.full(6, 3, np.float32), "b": np.full(6, 5, np.float32)}
    return write(folder / "model.onnx", nodes, inputs, [("y", FLOAT, ["N", 6])], weights, **options)


def _feeds(size=2):
    return {"unused": np.zeros(size, np.int64), "x": np.resize(X, (size, 6))}


def _operators(path):
    return [node.op_type for node in onnx.load(path).graph.node]


class TestOnnxSlim(ConverterSuite):
    @pytest.fixture
    def tool(self):
        return OnnxSlim(always=True)

    @pytest.fixture
    def model(self, tmp_path):
        return model_of(_foldable(tmp_path / "source"), (_feeds(2), _feeds(4)))

    @pytest.fixture
    def runner(self):
        return next(runner for runner in plugin.nav_runners() if runner.name == "OnnxCPU")

    @pytest.fixture
    def expected(self, model):
        return tuple({"y": feeds["x"] + 15} for feeds in model.examples)


class TestOnnxSlimOnExternalData(TestOnnxSlim):
    @pytest.fixture
    def model(self, tmp_path):
        return model_of(_foldable(tmp_path / "source", **EXTERNAL), (_feeds(2),))


@pytest.fixture
def out(tmp_path):
    (tmp_path / "artifact").mkdir()
    return tmp_path / "artifact" / "model.onnx"


def test_constants_are_folded_and_idle_nodes_dropped(tmp_path, out):
    OnnxSlim().write(model_of(_foldable(tmp_path)), out)

    assert ["Add"] == _operators(out)


def test_an_input_that_nothing_uses_stays_with_its_place_and_its_open_axis(tmp_path, out):
    signature = OnnxSlim().write(model_of(_foldable(tmp_path)), out)

    assert "unused: int64[N], x: float32[N, 6] -> y: float32[N, 6]" == str(signature)
    assert ["unused", "x"] == [value.name for value in onnx.load(out).graph.input]
    assert [(5, 6)] == [array.shape for array in run_file(out, [_feeds(5)])[0].values()]


def test_weights_that_an_old_file_lists_among_its_inputs_are_weights(tmp_path, out):
    path = _foldable(tmp_path)
    proto = onnx.load(path)
    proto.ir_version = 3
    proto.graph.input.extend(helper.make_tensor_value_info(name, FLOAT, [6]) for name in "ab")
    onnx.save(proto, path)
    OnnxSlim().write(model_of(path), out)

    assert ["Add"] == _operators(out)
    assert ["unused", "x"] == [value.name for value in onnx.load(out).graph.input]


def test_shapes_that_contradict_the_graph_are_inferred_anew(tmp_path, out):
    path = _foldable(tmp_path)
    proto = onnx.load(path)
    proto.graph.value_info.append(helper.make_tensor_value_info("product", FLOAT, [7]))
    onnx.save(proto, path)
    OnnxSlim().write(model_of(path), out)

    onnx.checker.check_model(str(out), full_check=True)


def test_the_file_remembers_the_pass(tmp_path, out):
    OnnxSlim(name="my-slim").write(model_of(_foldable(tmp_path)), out)

    assert {"navcore.passes": "my-slim"} == {entry.key: entry.value for entry in onnx.load(out).metadata_props}


def _blown_up(folder, size):
    """`y = x + expanded`, where a few bytes become `size` x `size` floats."""
    nodes = [
        helper.make_node("Expand", ["one", "shape"], ["expanded"], "blow"),
        helper.make_node("Add", ["x", "expanded"], ["y"]),
    ]
    weights = {"one": np.ones((1, 1), np.float32), "shape": np.array([size, size])}
    return write(folder / "blown.onnx", nodes, [("x", FLOAT, [1, 1])], [("y", FLOAT, [size, size])], weights)


def test_a_fold_that_would_blow_the_file_up_to_2_gb_is_refused_before_it_takes_memory(tmp_path, out):
    message = r"folding its constants would add 2,500\.0 MB to the file: Expand 'blow' alone takes 2,500\.0 MB"
    with pytest.raises(PassError, match=message + r"\n  fix: leave it to the runtime.* or set most_growth_bytes=2499"):
        OnnxSlim().write(model_of(_blown_up(tmp_path, 25_000)), out)

    assert [] == list(out.parent.iterdir())


def test_what_is_large_only_on_the_way_is_refused_too(tmp_path, out):
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"], "huge"),
        helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    weights = {"shape": np.array([60_000, 100_000])}
    path = write(tmp_path / "way.onnx", nodes, [("x", FLOAT, ["N"])], [("y", FLOAT, ["N"])], weights)
    with pytest.raises(PassError, match=r"would add 0\.0 MB to the file: ConstantOfShape 'huge' alone takes 24,000\.0"):
        OnnxSlim().write(model_of(path), out)


@pytest.mark.parametrize(("most", "operators"), [(40_000, ["Add"]), (39_000, None)])
def test_how_much_a_file_may_grow_can_be_said(tmp_path, out, most, operators):
    model, tool = model_of(_blown_up(tmp_path, 100)), OnnxSlim(most_growth_bytes=most)
    if operators is None:
        with pytest.raises(PassError, match=r"would add 0\.0 MB"):
            tool.write(model, out)
        return
    tool.write(model, out)

    assert operators == _operators(out)


def test_growth_that_no_shape_foretells_is_found_afterwards(tmp_path, out):
    nodes = [
        helper.make_node("NonZero", ["mask"], ["where"]),
        helper.make_node("Cast", ["where"], ["floats"], to=FLOAT),
        helper.make_node("Add", ["x", "floats"], ["y"]),
    ]
    weights = {"mask": np.ones(1000, bool)}
    path = write(tmp_path / "hidden.onnx", nodes, [("x", FLOAT, [1, 1])], [("y", FLOAT, [1, None])], weights)

    assert growth(onnx.load(path)).added_bytes < 1000
    with pytest.raises(PassError, match=r"would add 0\.0 MB to the file"):
        OnnxSlim(most_growth_bytes=1000).write(model_of(path), out)


def test_a_pass_that_needs_no_clean_graph_goes_on_without(tmp_path, capsys):
    graph = cleaned_or_as_it_is(_blown_up(tmp_path, 25_000)).graph

    assert ["Expand", "Add"] == [node.op_type for node in graph.node]
    assert "the graph is taken as it is, because it was not cleaned: folding" in capsys.readouterr().out


def test_there_is_a_point_only_where_something_can_be_folded(tmp_path):
    assert OnnxSlim().unsuited(model_of(_foldable(tmp_path))) is None
    assert "none of its nodes can be folded away, and runtimes do that as they open the file" == OnnxSlim().unsuited(
        model_of(convnet(tmp_path / "net.onnx"), images())
    )
    assert OnnxSlim(smallest_share=0.7).unsuited(model_of(_foldable(tmp_path))).startswith("2 of its 3 nodes can be")


def test_by_default_the_plan_says_that_runtimes_do_it_and_how_to_try_it_all_the_same():
    assert OnnxSlim().unavailable() == (
        "runtimes fold constants themselves as they open a file; "
        "to try it all the same: custom_configs=[nav.OnnxPassConfig(slim=True)]"
    )


def test_a_model_without_a_file_is_refused(tmp_path, out):
    with pytest.raises(ValueError, match="a pass needs an ONNX file, and was given a onnx without a path"):
        OnnxSlim().write(attrs.evolve(model_of(_foldable(tmp_path)), path=None), out)

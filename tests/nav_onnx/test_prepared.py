"""Graphs as the tools that lower precision want them."""

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from nav_onnx.graph_facts import graph_facts
from nav_onnx.graphs import all_nodes, read_by, sort_nodes
from nav_onnx.opset import with_opset
from nav_onnx.pass_error import PassError
from nav_onnx.pass_files import finish
from nav_onnx.pass_fuse import OnnxFuse
from nav_onnx.prepared import name_nodes, prepared

from .small_models import convnet, model_of, tokens, transformer, write

FLOAT = TensorProto.FLOAT
SIDES = [("x", FLOAT, ["N"])], [("y", FLOAT, ["N"])]


def _branching(folder):
    """`y` is `x` or its negation, in the branches of an If."""
    branches = {}
    for name, operator in (("then_branch", "Identity"), ("else_branch", "Neg")):
        value = helper.make_tensor_value_info("z", FLOAT, None)
        branches[name] = helper.make_graph([helper.make_node(operator, ["x"], ["z"], "same")], name, [], [value])
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["sum"], ["positive"], to=TensorProto.BOOL),
        helper.make_node("If", ["positive"], ["y"], **branches),
    ]
    return write(folder / "branching.onnx", nodes, *SIDES, {})


def test_every_node_gets_a_name_of_its_own_those_inside_of_nodes_too(tmp_path):
    proto = onnx.load(_branching(tmp_path))
    name_nodes(proto)
    names = [node.name for node in all_nodes(proto.graph)]

    assert {"ReduceSum_sum", "Cast_positive", "If_y", "same", "same_2"} == set(names)
    assert 5 == len(names)


def test_what_a_node_reads_includes_what_graphs_inside_of_it_read(tmp_path):
    branching = onnx.load(_branching(tmp_path)).graph.node[2]

    assert {"positive", "x"} == read_by(branching)


@settings(deadline=None)
@given(st.permutations(range(8)))
def test_nodes_are_put_in_order(order):
    nodes = [helper.make_node("Relu", [f"t{index}"], [f"t{index + 1}"], f"{index}") for index in order]
    graph = helper.make_graph(nodes, "graph", [], [])
    sort_nodes(graph)

    assert [f"{index}" for index in range(8)] == [node.name for node in graph.node]


def test_nodes_in_order_keep_theirs(tmp_path):
    graph = onnx.load(convnet(tmp_path / "net.onnx")).graph
    before = [node.output[0] for node in graph.node]
    sort_nodes(graph)

    assert before == [node.output[0] for node in graph.node]


def test_tensors_of_the_runtimes_own_operators_get_their_types(tmp_path):
    fused = tmp_path / "fused" / "model.onnx"
    fused.parent.mkdir()
    OnnxFuse().write(model_of(transformer(tmp_path / "source" / "model.onnx"), tokens()), fused)
    proto = prepared(fused)
    types = {value.name: value.type.tensor_type.elem_type for value in (*proto.graph.value_info, *proto.graph.output)}

    assert {FLOAT} == {types[name] for node in proto.graph.node for name in node.output}


def test_an_opset_that_onnx_cannot_raise_is_an_error_with_both(tmp_path):
    node = helper.make_node("Unknown", ["x"], ["y"], domain="")
    proto = helper.make_model(
        helper.make_graph([node], "graph", *([helper.make_tensor_value_info(*v) for v in side] for side in SIDES)),
        opset_imports=[helper.make_opsetid("", 9)],
    )
    with pytest.raises(
        PassError, match=r"the graph uses opset 9, 13 is needed, and ONNX cannot convert it: .*\n  fix: "
    ):
        with_opset(proto, 13)


def test_facts_of_a_graph_count_what_is_inside_of_nodes(tmp_path):
    facts = graph_facts(model_of(_branching(tmp_path)))

    assert (("Cast", 1), ("Identity", 1), ("If", 1), ("Neg", 1), ("ReduceSum", 1)) == facts.operators
    assert (5, 0, frozenset({"FLOAT"})) == (facts.nodes, facts.folded, facts.elements)


def test_a_file_that_cannot_be_read_has_no_facts(tmp_path):
    model = model_of(convnet(tmp_path / "net.onnx"))
    model.path.write_bytes(b"\x08")

    assert graph_facts(model) is None
    model.path.unlink()
    assert graph_facts(model) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda graph: setattr(graph.input[0], "name", "picture"),
            "the inputs of the graph: they were image, and are pict",
        ),
        (lambda graph: graph.output.pop(), "the outputs of the graph: they were scores, and are none"),
        (
            lambda graph: setattr(graph.input[0].type.tensor_type, "elem_type", TensorProto.FLOAT16),
            "the element type of 'image' was 1, and is 10",
        ),
        (
            lambda graph: setattr(graph.input[0].type.tensor_type.shape.dim[0], "dim_value", 2),
            r"the shape of 'image' was \('N', 3, 12, 12\), and is \(2, 3, 12, 12\)",
        ),
        (lambda graph: graph.node.pop(), "what my-pass made is no valid ONNX model"),
    ],
)
def test_a_pass_that_changed_what_the_graph_takes_or_gives_is_refused(tmp_path, change, message):
    model = model_of(convnet(tmp_path / "net.onnx"))
    proto = onnx.load(model.path)
    change(proto.graph)
    with pytest.raises(PassError, match=message):
        finish(proto, model, tmp_path / "out.onnx", "my-pass")

"""From an ONNX graph to a signature."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from nav_onnx.model_file import read_signature
from navcore.domain import Signature, TensorSpec
from navcore.errors import ModelFileError

FLOAT = TensorProto.FLOAT


def _identity(save, shape_in, shape_out, element=FLOAT):
    return save([helper.make_node("Identity", ["x"], ["y"])], [("x", element, shape_in)], [("y", element, shape_out)])


def test_names_dtypes_sizes_and_batch_are_read(affine):
    x, y = TensorSpec("x", "float32", ("batch", 3)), TensorSpec("y", "float32", ("batch", 2))

    assert Signature((x,), (y,), batch="batch") == read_signature(affine)


def test_weights_listed_among_the_inputs_are_no_inputs(save, weight):
    inputs = [("x", FLOAT, ["N", 3]), ("weight", FLOAT, [3, 2])]
    node = helper.make_node("MatMul", ["x", "weight"], ["y"])
    signature = read_signature(save([node], inputs, [("y", FLOAT, ["N", 2])], {"weight": weight}))

    assert ("x",) == signature.input_names
    assert "N" == signature.batch


@pytest.mark.parametrize(
    ("element", "dtype"),
    [
        (TensorProto.DOUBLE, "float64"),
        (TensorProto.FLOAT16, "float16"),
        (TensorProto.BFLOAT16, "bfloat16"),
        (TensorProto.INT64, "int64"),
        (TensorProto.UINT8, "uint8"),
        (TensorProto.BOOL, "bool"),
    ],
)
def test_element_types_get_their_numpy_name(save, element, dtype):
    assert dtype == read_signature(_identity(save, ["N"], ["N"], element)).inputs[0].dtype


def test_a_name_that_is_no_identifier_becomes_one(save):
    signature = read_signature(_identity(save, ["2*s47 + 1", "3d", "class"], ["2*s47 + 1", "3d", "class"]))

    assert all(name.isidentifier() for name in signature.inputs[0].shape)
    assert signature.inputs[0].shape == signature.outputs[0].shape
    assert signature.inputs[0].shape[0] == signature.batch


def test_dimensions_without_a_name_get_different_names(save):
    inputs = [("a", FLOAT, [None, None]), ("b", FLOAT, [None, 4])]
    signature = read_signature(save([helper.make_node("MatMul", ["a", "b"], ["y"])], inputs, [("y", FLOAT, [None, 4])]))

    assert ("a_dim_0", "a_dim_1") == signature.inputs[0].shape
    assert ("b_dim_0", 4) == signature.inputs[1].shape


def test_a_made_up_name_does_not_take_a_given_one(save):
    signature = read_signature(_identity(save, ["x_dim_1", None], ["x_dim_1", None]))

    assert ("x_dim_1", "x_dim_1_2") == signature.inputs[0].shape


def test_minus_one_is_a_dimension_without_a_name(save):
    assert ("x_dim_0", 3) == read_signature(_identity(save, [-1, 3], [-1, 3])).inputs[0].shape


@pytest.mark.parametrize("text", ["?", "-1", "*"])
def test_a_text_without_letters_names_nothing_and_two_places_of_it_may_differ(save, text):
    assert ("x_dim_0", "x_dim_1", 3) == read_signature(_identity(save, [text, text, 3], [None, None, 3])).inputs[
        0
    ].shape


def test_a_scalar_has_no_axes(save):
    signature = read_signature(_identity(save, [], []))

    assert ((), None) == (signature.inputs[0].shape, signature.batch)


def test_an_output_that_follows_the_batch_under_another_name_is_batched(save, weight):
    node = helper.make_node("MatMul", ["x", "weight"], ["y"])
    path = save([node], [("x", FLOAT, ["unk__1", 3])], [("y", FLOAT, ["unk__2", 2])], {"weight": weight})
    signature = read_signature(path)

    assert "unk__1" == signature.batch
    assert ("unk__1", 2) == signature.outputs[0].shape


def test_the_batch_may_come_with_a_later_input(save):
    nodes = [helper.make_node("Gather", ["table", "ids"], ["y"])]
    inputs = [("table", FLOAT, ["words", 4]), ("ids", TensorProto.INT64, ["batch"])]

    assert "batch" == read_signature(save(nodes, inputs, [("y", FLOAT, ["batch", 4])])).batch


def test_an_output_without_the_batch_does_not_take_it_from_the_others(save):
    nodes = [helper.make_node("Identity", ["x"], ["y"]), helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0)]
    outputs = [("y", FLOAT, ["batch"]), ("total", FLOAT, [])]
    signature = read_signature(save(nodes, [("x", FLOAT, ["batch"])], outputs))

    assert ("batch", ("batch",), ()) == (signature.batch, *(spec.shape for spec in signature.outputs))


def test_where_no_output_follows_there_is_no_batch(save):
    node = helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0)

    assert read_signature(save([node], [("x", FLOAT, ["batch"])], [("total", FLOAT, [])])).batch is None


def test_the_batch_is_the_axis_that_most_outputs_follow(save):
    nodes = [helper.make_node("Identity", [source], [made]) for made, source in (("a", "w"), ("b", "x"), ("c", "x"))]
    inputs = [("w", FLOAT, ["words", 3]), ("x", FLOAT, ["batch", 3])]
    outputs = [("a", FLOAT, ["words", 3]), ("b", FLOAT, ["batch", 3]), ("c", FLOAT, ["batch", 3])]

    assert "batch" == read_signature(save(nodes, inputs, outputs)).batch


def test_an_output_that_follows_under_another_name_is_batched_beside_one_that_does_not_need_it(save):
    nodes = [helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Relu", ["x"], ["z"])]
    outputs = [("y", FLOAT, ["batch", 3]), ("z", FLOAT, ["unk__1", 3])]
    signature = read_signature(save(nodes, [("x", FLOAT, ["batch", 3])], outputs))

    assert [("batch", 3), ("batch", 3)] == [spec.shape for spec in signature.outputs]


def test_a_fixed_first_axis_is_no_batch(save):
    assert read_signature(_identity(save, [2, "width"], [2, "width"])).batch is None


def test_an_output_without_a_shape_is_refused_with_the_call_that_adds_it(save, weight):
    node = helper.make_node("MatMul", ["x", "weight"], ["y"])
    path = save([node], [("x", FLOAT, ["batch", 3])], [("y", FLOAT, None)], {"weight": weight})
    with pytest.raises(
        ModelFileError, match=r"output 'y' of .*model.onnx does not declare its number of axes"
    ) as caught:
        read_signature(path)

    assert "onnx.save(onnx.shape_inference.infer_shapes(onnx.load('model.onnx')), 'model.onnx')" in caught.value.fix
    onnx.save(onnx.shape_inference.infer_shapes(onnx.load(path)), path)
    assert (("batch", 2), "batch") == (read_signature(path).outputs[0].shape, read_signature(path).batch)


def test_an_input_without_a_shape_is_refused(save):
    with pytest.raises(ModelFileError, match=r"input 'x' of .*model.onnx does not declare its number of axes"):
        read_signature(_identity(save, None, None))


def test_a_sequence_is_refused_by_name(save):
    tensor = helper.make_tensor_type_proto(FLOAT, ["N", 3])
    parts = helper.make_value_info("parts", helper.make_sequence_type_proto(tensor))
    nodes = [helper.make_node("ConcatFromSequence", ["parts"], ["y"], axis=0)]
    with pytest.raises(
        ModelFileError,
        match=r"input 'parts' of .*model.onnx is no tensor but of kind 'sequence'; only tensors can be passed",
    ):
        read_signature(save(nodes, [parts], [("y", FLOAT, ["M", 3])]))


def test_an_optional_output_is_refused_by_name(save):
    tensor = helper.make_tensor_type_proto(FLOAT, ["N", 3])
    maybe = helper.make_value_info("maybe", helper.make_optional_type_proto(tensor))
    with pytest.raises(
        ModelFileError, match=r"output 'maybe' of .*model.onnx is no tensor but of kind 'optional'; only tensors"
    ):
        read_signature(save([helper.make_node("Optional", ["x"], ["maybe"])], [("x", FLOAT, ["N", 3])], [maybe]))


def test_text_is_refused_by_name(save):
    with pytest.raises(ModelFileError, match=r"input 'x' of .*model.onnx has elements of type string; only numbers"):
        read_signature(_identity(save, ["N"], ["N"], TensorProto.STRING))


def test_a_graph_without_inputs_is_read(save):
    node = helper.make_node("Constant", [], ["y"], value=onnx.numpy_helper.from_array(np.ones(2, np.float32)))
    signature = read_signature(save([node], [], [("y", FLOAT, [2])]))

    assert ((), ("y",), None) == (signature.input_names, signature.output_names, signature.batch)

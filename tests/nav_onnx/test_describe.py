"""Samples of the dataloader, by input name."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from nav_onnx.plugin import nav_describe
from navcore.domain import Names
from navcore.errors import DataloaderError

X = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
PAIR = (np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32))


class _Tensor:
    """As torch.Tensor: on a device, with a gradient."""

    def detach(self):
        return self

    def cpu(self):
        return X


class _Array:
    """As jax.Array and tf.Tensor."""

    def __array__(self, dtype=None, copy=None):
        return X


@pytest.mark.parametrize(
    "sample",
    [X, (X,), [X], {"x": X}, _Tensor(), {"x": _Array()}],
    ids=["array", "tuple", "list", "dict", "torch", "jax"],
)
def test_a_sample_may_have_any_of_these_forms(affine, sample):
    inputs = nav_describe(affine, sample, Names()).inputs

    assert ["x"] == list(inputs)
    assert X.tolist() == inputs["x"].tolist()


def test_inputs_come_in_the_order_of_the_file(two_inputs):
    assert ["left", "right"] == list(nav_describe(two_inputs, {"right": PAIR[1], "left": PAIR[0]}, Names()).inputs)


def test_inputs_are_copies(affine):
    sample = X.copy()
    inputs = nav_describe(affine, sample, Names()).inputs
    sample[...] = 0

    assert X.tolist() == inputs["x"].tolist()


def test_without_a_sample_the_signature_alone_is_given(affine):
    description = nav_describe(affine, None, Names())

    assert {} == description.inputs
    assert "x: float32[batch, 3] -> y: float32[batch, 2]" == str(description.signature)


def test_the_reference_computes(affine, weight):
    description = nav_describe(affine, X, Names())

    assert np.allclose(X @ weight, description.infer({"x": X})["y"])
    assert np.allclose(X[:1] @ weight, description.infer({"x": X[:1]})["y"])


def test_all_samples_have_equal_calls(affine):
    first, second = (nav_describe(str(affine), sample, Names()) for sample in (X, {"x": X[:1]}))

    assert first.call == second.call


def test_a_path_as_text_and_as_path_is_the_same(affine):
    assert nav_describe(affine, X, Names()).signature == nav_describe(str(affine), X, Names()).signature


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            Names(inputs=("a",)),
            r"input_names=\('a',\), but model.onnx has names of its own: x\n  fix: drop input_names",
        ),
        (
            Names(outputs=("b",)),
            r"output_names=\('b',\), but model.onnx has names of its own: y\n  fix: drop output_names",
        ),
    ],
)
def test_names_cannot_be_given(affine, names, message):
    with pytest.raises(DataloaderError, match=message):
        nav_describe(affine, X, names)


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ({"X": X}, r"the sample lacks 'x' and has 'X', while model.onnx takes: x\n  fix: rename 'X' to 'x'"),
        ({}, r"the sample lacks 'x', while model.onnx takes: x\n  fix: yield exactly these names"),
        ({"x": X, "labels": X}, r"the sample has 'labels', while model.onnx takes: x\n  fix: yield exactly"),
        (
            (X, X),
            r"the sample has 2 arrays, and model.onnx takes 1 input: x\n  fix: yield the inputs alone \(no labels\)",
        ),
        ([1.0], r"input 'x' is a float, which is no array\n  fix: yield NumPy arrays, or tensors"),
        (
            X.astype(float),
            r"'x' is float64, and model.onnx declares x: float32\[batch, 3\]\n  fix: .*astype\('float32'\)",
        ),
        (
            X[0],
            r"shape \(3,\): 1 axis, where model.onnx declares 2: .*\n  fix: add the batch axis: array\[None\]",
        ),
        (X[None, None], r"4 axes, where model.onnx declares 2: x: float32\[batch, 3\]\n  fix: reshape it"),
        (
            X[:, :2],
            r"shape \(2, 2\): 2 in axis 1, where model.onnx declares 3; declared is x: float32\[batch, 3\]\n  fix: ",
        ),
    ],
)
def test_a_sample_that_does_not_fit_says_why(affine, sample, message):
    with pytest.raises(DataloaderError, match=message):
        nav_describe(affine, sample, Names())


def test_two_inputs_must_agree_on_a_dimension(two_inputs):
    sample = (PAIR[0], PAIR[1][:1])
    with pytest.raises(
        DataloaderError, match=r"'right' has the shape \(1, 2\): 1 in axis 0, where 'batch' is 2 in input 'left'"
    ):
        nav_describe(two_inputs, sample, Names())


def test_a_tensor_without_a_numpy_form_is_named(affine):
    class Bfloat16:
        def __array__(self, dtype=None, copy=None):
            raise TypeError("Got unsupported ScalarType BFloat16")

    with pytest.raises(DataloaderError, match="input 'x' cannot become a NumPy array: TypeError: Got unsupported"):
        nav_describe(affine, Bfloat16(), Names())


def test_a_scalar_input_takes_a_scalar(save):
    node = helper.make_node("Identity", ["x"], ["y"])
    path = save([node], [("x", TensorProto.INT64, [])], [("y", TensorProto.INT64, [])])
    description = nav_describe(path, np.int64(7), Names())

    assert 7 == description.infer(description.inputs)["y"]

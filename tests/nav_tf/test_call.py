"""What is a model of TensorFlow, and how samples become calls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from nav_tf.call import make_call
from nav_tf.describe import describe
from nav_tf.source import callable_of, recognise
from navcore.domain import Names
from navcore.errors import DataloaderError, UsageError
from navcore.formats import Format

from .conftest import affine_module, network_samples, normal

NAMES = Names((), ())
X = normal(2, 3)


class Nested(keras.Model):
    """A subclass with two arguments, and nested outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, pair: Any, extra: Any, scale: float = 1.0, training: bool = False) -> Any:
        hidden = self.dense(pair["left"] + pair["right"]) * scale
        return {"hidden": hidden, "parts": [hidden + extra, tf.reduce_sum(hidden, 1)]}


def test_models_of_every_kind_are_recognised(network: Any, tmp_path: Path) -> None:
    module = affine_module()
    for model in (network, Nested(), keras.layers.Dense(2), module, module.twice, tf.function(lambda x: x)):
        assert Format.TENSORFLOW is recognise(model)
    concrete = module.twice.get_concrete_function(tf.TensorSpec([None, 3], tf.float32))
    assert Format.TENSORFLOW is recognise(concrete)
    assert [None] * 4 == [recognise(each) for each in (lambda x: x, 3, "model.onnx", str(tmp_path))]
    (tmp_path / "saved_model.pb").touch()
    assert Format.TF_SAVEDMODEL is recognise(tmp_path) is recognise(str(tmp_path))


def test_recognising_imports_nothing() -> None:
    code = (
        "import sys, nav_tf, nav_tf.plugin as plugin\n"
        "list(plugin.nav_runners()), list(plugin.nav_exporters()), list(plugin.nav_converters())\n"
        "[tool.unavailable() for tool in (*plugin.nav_runners(), *plugin.nav_converters())]\n"
        "plugin.nav_environment(), plugin.nav_recognise(print), plugin.nav_recognise('model.onnx')\n"
        "print([name for name in ('tensorflow', 'keras', 'optree', 'tf2onnx') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()


@pytest.mark.parametrize(
    "sample", [X, (X,), [X], {"x": X}, tf.constant(X)], ids=["array", "tuple", "list", "dict", "tf"]
)
def test_samples_of_every_kind_are_calls(sample: Any) -> None:
    module = affine_module()
    call, inputs = make_call(module, sample, NAMES)
    arguments, keywords = call.arguments(inputs.values())

    assert ("x" if isinstance(sample, dict) else "input__0",) == call.inputs == tuple(inputs)
    np.testing.assert_allclose(module(X)["y"], module(*arguments, **keywords)["y"])


def test_a_keras_model_of_several_inputs_takes_tuples_and_dicts_by_its_own_names(network: Any) -> None:
    image, extra = network_samples()[0]
    for sample in ((image, extra), [image, extra], {"image": image, "extra": extra}):
        call, inputs = make_call(network, sample, NAMES)
        arguments, keywords = call.arguments(inputs[name] for name in call.inputs)

        assert {"image", "extra"} == set(inputs)
        assert inputs["extra"] is extra
        np.testing.assert_allclose(network([image, extra])["both"], network(*arguments, **keywords)["both"])


def test_nested_arguments_and_outputs_are_named_by_their_keys_and_numbers_are_constants() -> None:
    model, extra = Nested(), normal(2, 2)
    sample = ({"left": X, "right": X}, {"extra": extra, "scale": 3.0})
    description = describe(model, sample, NAMES)
    outputs = description.infer(description.inputs)

    assert ["left", "right", "extra"] == list(description.inputs)
    assert ["hidden", "parts__0", "parts__1"] == list(outputs)
    np.testing.assert_allclose(outputs["hidden"] + extra, outputs["parts__0"], rtol=1e-6)
    assert description.call != describe(model, (sample[0], {"extra": extra, "scale": 3}), NAMES).call
    assert description.call == describe(model, sample, NAMES).call
    outputs["hidden"][:] = 0  # it is the caller's


def test_names_of_the_users_are_used() -> None:
    description = describe(affine_module(), X, Names(("a",), ("b",)))

    assert ["b"] == list(description.infer(description.inputs))


@pytest.mark.parametrize(
    ("sample", "reason"),
    [((X, X, X), r"does not fit Affine\(x, scale\): too many positional"), ((3.0,), "holds no arrays")],
)
def test_a_sample_that_does_not_fit_is_refused(sample: Any, reason: str) -> None:
    with pytest.raises(DataloaderError, match=reason):
        describe(affine_module(), sample, NAMES)


def test_a_model_that_refuses_the_sample_is_told_with_shapes() -> None:
    description = describe(affine_module(), normal(2, 4), NAMES)
    with pytest.raises(DataloaderError, match=r"Affine refuses the sample \(input__0: float32\[2, 4\]\)"):
        description.infer(description.inputs)


def test_outputs_that_are_not_dense_are_refused() -> None:
    description = describe(tf.function(tf.sparse.from_dense), X, NAMES)
    with pytest.raises(DataloaderError, match="returned a SparseTensor, and only dense tensors"):
        description.infer(description.inputs)


def test_what_cannot_be_called_is_refused_with_what_can() -> None:
    class Bare(tf.Module):  # type: ignore[misc]
        @tf.function  # type: ignore[untyped-decorator]
        def serve(self, x: Any) -> Any:
            return x

    with pytest.raises(
        UsageError, match=r"Bare is a tf.Module without __call__\n.*give one of its functions: model.serve"
    ):
        callable_of(Bare())

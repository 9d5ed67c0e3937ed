"""Keras's own exports to ONNX and OpenVINO IR."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="nav-tf needs TensorFlow: pip install 'nav-tf[cpu]'")
onnx = pytest.importorskip("onnx", reason="what is exported is read: pip install 'nav-tf[onnx]'")
openvino = pytest.importorskip("openvino", reason="what is exported is run by it: pip install 'nav-tf[openvino]'")
pytest.importorskip("tf2onnx", reason="Keras exports to ONNX with it: pip install 'nav-tf[onnx]'")

import keras  # noqa: E402
import tensorflow  # noqa: E402

from nav_tf.describe import describe  # noqa: E402
from nav_tf.export_keras_onnx import KerasOnnxExporter  # noqa: E402
from nav_tf.export_keras_openvino import KerasOpenVINOExporter  # noqa: E402
from navcore.contracts import Model, Names  # noqa: E402
from navcore.domain import Signature, TensorSpec  # noqa: E402
from navcore.formats import Format  # noqa: E402
from navcore.testing.suites import ExporterSuite  # noqa: E402

NAMES = Names((), ())
SPECS = {
    "wide": TensorSpec("wide", "float32", ("batch", 4)),
    "also_wide": TensorSpec("also_wide", "float32", ("batch", 4)),
    "score": TensorSpec("score", "float32", ("batch", 1)),
    "hidden": TensorSpec("hidden", "float32", ("batch", 4)),
}
DICTS = Signature((SPECS["also_wide"], SPECS["wide"]), (SPECS["hidden"], SPECS["score"]), "batch")
LISTS = Signature(
    (SPECS["wide"], SPECS["also_wide"]),
    (TensorSpec("output__0", "float32", ("batch", 4)), TensorSpec("output__1", "float32", ("batch", 4))),
    "batch",
)


def two_inputs() -> Any:
    """Two inputs of one shape that are not exchangeable, in an order that is not that of the alphabet."""
    layers = keras.layers
    wide, also = keras.Input((4,), name="wide"), keras.Input((4,), name="also_wide")
    hidden = layers.Dense(4, activation="gelu")(layers.Subtract()([wide, also]))
    return keras.Model({"wide": wide, "also_wide": also}, {"score": layers.Dense(1)(hidden), "hidden": hidden})


def two_outputs() -> Any:
    """A list of inputs, and a list of outputs that are not exchangeable."""
    wide, also = keras.Input((4,), name="wide"), keras.Input((4,), name="also_wide")
    return keras.Model([wide, also], [keras.ops.subtract(wide, also), keras.ops.multiply(wide, also)])


def live(network: Any, sample: Any, signature: Signature) -> Model:
    description = describe(network, sample, NAMES)
    return Model(
        format=Format.TENSORFLOW,
        signature=signature,
        object=network,
        call=description.call,
        examples=(description.inputs,),
    )


@pytest.fixture(scope="module")
def dicts() -> Model:
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    sample = {name: generator.normal(size=(2, 4)).astype(np.float32) for name in ("wide", "also_wide")}
    return live(two_inputs(), sample, DICTS)


@pytest.fixture(scope="module")
def lists() -> Model:
    generator = np.random.default_rng(1)
    sample = tuple(generator.normal(size=(3, 4)).astype(np.float32) for _ in range(2))
    return live(two_outputs(), sample, LISTS)


def computed(path: Path, model: Model) -> dict[str, Any]:
    """What OpenVINO computes, which reads both formats."""
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled(dict(model.examples[0]))
    return {name: results[name] for name in model.signature.output_names}


class _KerasSuite(ExporterSuite):
    @pytest.fixture
    def model(self, dicts: Model) -> Model:
        return dicts

    @pytest.fixture
    def expected(self, dicts: Model) -> Any:
        return [{name: each.numpy() for name, each in dicts.object(dicts.examples[0]).items()}]

    @pytest.mark.parametrize("case", ["dicts", "lists"])
    def test_names_of_inputs_and_outputs_are_those_of_the_signature(
        self, tool: Any, case: str, request: pytest.FixtureRequest, tmp_path: Path
    ) -> None:
        model: Model = request.getfixturevalue(case)
        path = tmp_path / f"model{tool.target.suffix}"
        tool.write(model, path)
        result = describe(model.object, _sample(model), NAMES).infer(model.examples[0])
        got = computed(path, model)

        for name, array in result.items():
            np.testing.assert_allclose(got[name], array, rtol=1e-4, atol=1e-5)


def _sample(model: Model) -> Any:
    return model.examples[0] if model.signature == DICTS else tuple(model.examples[0].values())


class TestKerasOnnx(_KerasSuite):
    @pytest.fixture
    def tool(self) -> Any:
        return KerasOnnxExporter()


class TestKerasOpenVINO(_KerasSuite):
    @pytest.fixture
    def tool(self) -> Any:
        return KerasOpenVINOExporter()


def test_results_of_layers_are_no_outputs(tmp_path: Path) -> None:
    steps = keras.Input((None, 4), name="steps")
    network = keras.Model(steps, keras.layers.MultiHeadAttention(2, 2)(steps, steps))
    signature = Signature(
        (TensorSpec("steps", "float32", ("batch", "length", 4)),),
        (TensorSpec("output__0", "float32", ("batch", "length", 4)),),
        "batch",
    )
    model = live(network, np.ones((2, 3, 4), np.float32), signature)
    KerasOpenVINOExporter().write(model, tmp_path / "model.xml")
    (output,) = openvino.Core().read_model(str(tmp_path / "model.xml")).outputs

    assert "output__0" in output.get_names()


@pytest.mark.parametrize("exporter", [KerasOnnxExporter(), KerasOpenVINOExporter()], ids=lambda tool: tool.name)
def test_what_keras_cannot_export_is_unsuited_with_one_sentence(exporter: Any, dicts: Model) -> None:
    sample = np.ones((2, 4), np.float32)
    function = live(tensorflow.function(lambda x: x), sample, LISTS)
    layer = live(keras.layers.Identity(), sample, LISTS)

    assert exporter.unsuited(dicts) is None
    assert "Keras exports models of its own only, and this is a " in (exporter.unsuited(function) or "")
    assert "this is a Identity" in (exporter.unsuited(layer) or "")


@pytest.mark.parametrize("exporter", [KerasOnnxExporter(), KerasOpenVINOExporter()], ids=lambda tool: tool.name)
def test_an_export_leaves_the_root_logger_as_it_was(exporter: Any, dicts: Model, tmp_path: Path) -> None:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    root.setLevel(logging.INFO)
    try:
        exporter.write(dicts, tmp_path / f"model{exporter.target.suffix}")

        assert (logging.INFO, handlers) == (root.level, root.handlers)
    finally:
        root.setLevel(level)

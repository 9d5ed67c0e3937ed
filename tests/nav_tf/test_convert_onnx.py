"""SavedModels to ONNX, by tf2onnx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="nav-tf needs TensorFlow: pip install 'nav-tf[cpu]'")
onnx = pytest.importorskip("onnx", reason="what is converted is read: pip install 'nav-tf[onnx]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="what is converted is run: pip install onnxruntime")
pytest.importorskip("tf2onnx", reason="it converts: pip install 'nav-tf[onnx]'")

import tensorflow  # noqa: E402

import navcore as nav  # noqa: E402
from nav_tf.convert_onnx import TFOnnxConverter  # noqa: E402
from nav_tf.tf2onnx_result import ConversionError  # noqa: E402
from navcore.contracts import Model  # noqa: E402
from navcore.testing.suites import ConverterSuite  # noqa: E402

from .saved_models import FEATURES, SIGNATURE, encode, expected, saved, stablehlo  # noqa: E402


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return saved(tmp_path_factory.mktemp("saved") / "model", encode, SIGNATURE)


def run(path: Path, feeds: Any) -> dict[str, Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


class TestTFOnnxConverter(ConverterSuite):
    @pytest.fixture
    def tool(self) -> Any:
        return TFOnnxConverter()

    @pytest.fixture
    def model(self, encoder: Model) -> Model:
        return encoder

    @pytest.fixture
    def expected(self, encoder: Model) -> Any:
        return expected(encode, encoder)

    def test_the_file_has_names_and_dimensions_of_the_signature_and_computes_the_same(
        self, model: Model, tmp_path: Path
    ) -> None:
        TFOnnxConverter().write(model, tmp_path / "m.onnx")
        graph = onnx.load(tmp_path / "m.onnx").graph
        sides = {
            value.name: tuple(each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim)
            for value in (*graph.input, *graph.output)
        }

        assert {spec.name: spec.shape for spec in (*SIGNATURE.inputs, *SIGNATURE.outputs)} == sides
        for feeds, right in zip(model.examples, expected(encode, model), strict=True):
            got = run(tmp_path / "m.onnx", feeds)
            for name, array in right.items():
                np.testing.assert_allclose(got[name], array, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("opset", [14, 20])
def test_opsets_that_tf2onnx_does_not_write_are_told_before_anything_is_tried(encoder: Model, opset: int) -> None:
    (tool,) = nav.OnnxConfig(opset=opset).configure((TFOnnxConverter(),))

    assert f"tf2onnx writes the opsets 15 to 18 here, and opset={opset} was asked for" == tool.unsuited(encoder)
    assert TFOnnxConverter().unsuited(encoder) is None


def test_what_jax_wrote_is_unsuited_with_one_sentence(encoder: Model, tmp_path: Path) -> None:
    reason = TFOnnxConverter().unsuited(attrs.evolve(encoder, path=stablehlo(tmp_path / "stablehlo")))

    assert "StableHLO that JAX wrote, in the operator XlaCallModule, which tf2onnx cannot read" in (reason or "")


def test_weights_that_one_protocol_buffer_cannot_hold_are_unsuited(encoder: Model, tmp_path: Path) -> None:
    (tmp_path / "variables").mkdir()
    with (tmp_path / "variables" / "variables.data-00000-of-00001").open("wb") as file:
        file.truncate(2**31)

    assert "at most 2 GiB" in (TFOnnxConverter().unsuited(attrs.evolve(encoder, path=tmp_path)) or "")


def test_an_operator_that_tf2onnx_lacks_is_named(tmp_path: Path) -> None:
    model = saved(tmp_path / "m", lambda x: {"y": tensorflow.math.igamma(x, x)}, FEATURES)
    with pytest.raises(ConversionError, match="tf2onnx has no translation of the operator Igamma"):
        TFOnnxConverter().write(model, tmp_path / "m.onnx")


def test_a_size_that_was_baked_in_is_named(tmp_path: Path) -> None:
    model = saved(tmp_path / "m", lambda x: {"y": tensorflow.reshape(x, (2, 3))}, FEATURES)
    with pytest.raises(ConversionError, match="batch was baked in: y is 2 in the ONNX model"):
        TFOnnxConverter().write(model, tmp_path / "m.onnx")


def test_an_exact_gelu_inside_of_a_branch_becomes_valid_onnx(tmp_path: Path) -> None:
    def branching(x: Any) -> dict[str, Any]:
        return {
            "y": tensorflow.cond(tensorflow.reduce_sum(x) > 0, lambda: tensorflow.math.erfc(x), lambda: x)  # as it is
        }

    model = saved(tmp_path / "m", branching, FEATURES)
    TFOnnxConverter().write(model, tmp_path / "m.onnx")
    feeds = {"x": np.abs(model.examples[0]["x"])}

    right = branching(**feeds)["y"].numpy()
    np.testing.assert_allclose(right, run(tmp_path / "m.onnx", feeds)["y"], rtol=1e-4, atol=1e-5)

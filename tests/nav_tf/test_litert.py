"""SavedModels to LiteRT, in floating point and with weights in int8, and the runner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="nav-tf needs TensorFlow: pip install 'nav-tf[cpu]'")
pytest.importorskip("ai_edge_litert", reason="it runs what is converted: pip install 'nav-tf[litert]'")

import tensorflow

from nav_tf.convert_tflite import TFLiteConverter, TFLiteError
from nav_tf.run_litert import LiteRTRunner
from navcore.contracts import Model
from navcore.cpus import usable_cpus
from navcore.domain import DeviceKind, Signature, TensorSpec
from navcore.formats import Format, Risk
from navcore.testing.suites import ConverterSuite, RunnerSuite

from .saved_models import FEATURES, SIGNATURE, encode, saved
from .saved_models import expected as computed

WIDE = Signature(
    (TensorSpec("x", "float32", ("batch", 64)),), (TensorSpec("y", "float32", ("batch", 64)),), batch="batch"
)


def product(x: Any) -> dict[str, Any]:
    """A matrix product that is large enough for the converter to quantise."""
    matrix = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    return {"y": tensorflow.linalg.matmul(x, tensorflow.constant(matrix))}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return saved(tmp_path_factory.mktemp("saved") / "model", encode, SIGNATURE)


@pytest.fixture(scope="module")
def expected(encoder: Model) -> Any:
    return computed(encode, encoder)


@pytest.fixture(scope="module")
def converted(encoder: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("tflite") / "model.tflite"
    signature = TFLiteConverter().write(encoder, path)
    return attrs.evolve(encoder, format=Format.TFLITE, signature=signature, path=path)


class TestTFLiteConverter(ConverterSuite):
    @pytest.fixture
    def tool(self) -> Any:
        return TFLiteConverter()

    @pytest.fixture
    def model(self, encoder: Model) -> Model:
        return encoder

    @pytest.fixture
    def runner(self) -> Any:
        return LiteRTRunner()


class TestLiteRTCPU(RunnerSuite):
    @pytest.fixture
    def tool(self) -> Any:
        return LiteRTRunner()

    @pytest.fixture
    def model(self, converted: Model) -> Model:
        return converted


def test_in_int8_the_file_is_smaller_and_computes_nearly_the_same(tmp_path: Path) -> None:
    model = saved(tmp_path / "saved", product, WIDE)
    for tool in (TFLiteConverter(), TFLiteConverter(name="tflite-int8", precision="int8")):
        tool.write(model, tmp_path / f"{tool.name}.tflite")
    plain, lowered = (tmp_path / f"{name}.tflite" for name in ("tflite", "tflite-int8"))
    small = attrs.evolve(model, format=Format.TFLITE, path=lowered)
    (right, _) = computed(product, model)
    with LiteRTRunner().open(small, DeviceKind.CPU) as infer:
        got = infer(model.examples[0])["y"]

    assert lowered.stat().st_size < 0.6 * plain.stat().st_size
    assert 0.0 < np.abs(got - right["y"]).max() < 0.05 * np.abs(right["y"]).max()


def test_a_size_that_was_baked_in_is_named(tmp_path: Path) -> None:
    model = saved(tmp_path / "m", lambda x: {"y": tensorflow.reshape(x, (2, 3))}, FEATURES)
    with pytest.raises(TFLiteError, match="batch was baked in: y is 2 in LiteRT's model"):
        TFLiteConverter().write(model, tmp_path / "m.tflite")


def test_what_litert_has_no_operator_for_is_one_sentence(tmp_path: Path) -> None:
    model = saved(tmp_path / "m", lambda x: {"y": tensorflow.math.igamma(x, x)}, FEATURES)
    with pytest.raises(TFLiteError, match="LiteRT has no operators Igamma") as caught:
        TFLiteConverter().write(model, tmp_path / "m.tflite")

    assert "\n" not in caught.value.cause
    assert len(caught.value.cause) < 300


def test_it_starts_as_many_threads_as_there_is_room_for(converted: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    from ai_edge_litert import interpreter

    given: list[int] = []

    class Watched(interpreter.Interpreter):  # type: ignore[misc, name-defined]
        def __init__(self, **options: Any) -> None:
            given.append(options["num_threads"])
            super().__init__(**options)

    monkeypatch.setattr(interpreter, "Interpreter", Watched)
    for runner in (LiteRTRunner(), LiteRTRunner(threads=1)):
        with runner.open(converted, DeviceKind.CPU):
            pass

    assert [usable_cpus(), 1] == given


def test_a_bound_step_reads_its_arrays_anew_and_follows_other_shapes(converted: Model, expected: Any) -> None:
    with LiteRTRunner().open(converted, DeviceKind.CPU) as infer:
        feeds = {name: np.zeros_like(array) for name, array in converted.examples[0].items()}
        step = infer.bind(feeds)
        step()
        infer(converted.examples[1])
        for name, array in converted.examples[0].items():
            feeds[name][...] = array
        outputs = step()

    for name, array in expected[0].items():
        np.testing.assert_allclose(outputs[name], array, rtol=1e-4, atol=1e-5)


def test_its_files_are_read_by_a_parser_and_run_no_code() -> None:
    assert (Risk.PARSER, ".tflite") == (Format.TFLITE.risk, Format.TFLITE.suffix)


def test_a_loop_over_lists_that_the_converter_refuses_is_told_in_one_sentence(tmp_path: Path) -> None:
    def looped(x: Any) -> dict[str, Any]:
        steps = tensorflow.TensorArray(tensorflow.float32, size=3, element_shape=(None,))
        for step in tensorflow.range(3):
            steps = steps.write(step, x[:, step])
        return {"y": tensorflow.transpose(steps.stack())}

    model = saved(tmp_path / "m", looped, FEATURES)
    with pytest.raises(TFLiteError, match="converter cannot translate TensorListReserve, because it requires elem"):
        TFLiteConverter().write(model, tmp_path / "m.tflite")

"""ONNX to OpenVINO IR."""

import attrs
import openvino
import pytest

from nav_openvino import OpenVINOConverter, OpenVINORunner
from navcore.domain import TensorSpec
from navcore.testing.suites import ConverterSuite


class TestOpenVINOConverter(ConverterSuite):
    @pytest.fixture
    def tool(self):
        return OpenVINOConverter()

    @pytest.fixture
    def model(self, onnx_model):
        return onnx_model

    @pytest.fixture
    def runner(self):
        return OpenVINORunner()


def test_inputs_and_outputs_keep_their_names_and_order(onnx_model, tmp_path):
    OpenVINOConverter().write(onnx_model, tmp_path / "model.xml")
    written = openvino.Core().read_model(str(tmp_path / "model.xml"))

    assert [{"image"}] == [port.get_names() for port in written.inputs]
    assert [{"maps"}, {"best"}] == [port.get_names() for port in written.outputs]


def test_weights_keep_their_precision(onnx_model, tmp_path, weights):
    OpenVINOConverter().write(onnx_model, tmp_path / "model.xml")

    assert (tmp_path / "model.bin").stat().st_size >= sum(array.nbytes for array in weights.values())


def test_an_input_that_the_conversion_lost_is_named(onnx_model, tmp_path):
    inputs = (*onnx_model.signature.inputs, TensorSpec("mask", "float32", ("N",)))
    model = attrs.evolve(onnx_model, signature=attrs.evolve(onnx_model.signature, inputs=inputs))
    with pytest.raises(RuntimeError, match="mask"):
        OpenVINOConverter().write(model, tmp_path / "model.xml")


def test_a_truncated_file_is_an_exception(onnx_model, tmp_path):
    onnx_model.path.write_bytes(onnx_model.path.read_bytes()[:-60])
    with pytest.raises(RuntimeError, match=r"model\.onnx|ONNX|parse"):
        OpenVINOConverter().write(onnx_model, tmp_path / "model.xml")

"""OpenVINO IR in 8 bits."""

import sys

import attrs
import numpy as np
import openvino
import pytest

from nav_openvino import OpenVINOConverter, OpenVINOInt8Converter, OpenVINORunner
from nav_openvino.quantise import has_attention
from nav_openvino.without_telemetry import missing_nncf
from navcore.contracts import Model
from navcore.domain import DeviceKind, Range
from navcore.engine.compare import compare
from navcore.errors import DataloaderError
from navcore.formats import Format
from navcore.testing.suites import ConverterSuite

from . import conv_nets

needs_nncf = pytest.mark.skipif(missing_nncf() is not None, reason=str(missing_nncf()))

_LOUD = 300.0


@pytest.fixture
def make_ir(tmp_path):
    """Return the network as IR, with one channel that is so much louder than the others."""

    def make(loud=1.0):
        source = conv_nets.save(tmp_path / "net.onnx", conv_nets.weights(loud), conv_nets.samples(12))
        (tmp_path / "ir").mkdir()
        path = tmp_path / "ir" / "model.xml"
        signature = OpenVINOConverter().write(source, path)
        return Model(format=Format.OPENVINO_IR, signature=signature, path=path, examples=source.examples)

    return make


@pytest.fixture
def quantised(tmp_path):
    """Write a model in 8 bits and return it."""

    def quantise(tool, model):
        (tmp_path / "int8").mkdir()
        path = tmp_path / "int8" / "model.xml"
        return attrs.evolve(model, signature=tool.write(model, path), path=path)

    return quantise


def _agreement(model, loud=1.0):
    """How the outputs of a model compare with those of the network, by the tolerance of int8."""
    expected = [conv_nets.outputs(feeds, conv_nets.weights(loud)) for feeds in model.examples]
    with OpenVINORunner().open(model, DeviceKind.CPU) as infer:
        return compare(expected, [infer(feeds) for feeds in model.examples], precision="int8")


def _precisions(infer):
    """In which precisions convolutions and products of matrices are computed."""
    primitives = [name for name in infer.placement() if name.split()[0] in ("Convolution", "FullyConnected")]
    return {name.rpartition("_")[2].lower() for name in primitives}  # kernels for AMX say i8, others I8


class TestOpenVINOInt8(ConverterSuite):
    atol = 0.1  # of outputs of up to 0.7
    rtol = 0.1

    @pytest.fixture
    def tool(self):
        return OpenVINOInt8Converter()

    @pytest.fixture
    def model(self, make_ir):
        return make_ir()

    @pytest.fixture
    def runner(self):
        return OpenVINORunner()

    @pytest.fixture
    def expected(self, model):
        return tuple(conv_nets.outputs(feeds, conv_nets.weights()) for feeds in model.examples)


@needs_nncf
def test_convolutions_and_products_compute_in_8_bits_and_the_outputs_agree(make_ir, quantised):
    model = quantised(OpenVINOInt8Converter(), make_ir())
    with OpenVINORunner().open(model, DeviceKind.CPU) as infer:
        infer(model.examples[0])
        precisions = _precisions(infer)

    assert {"i8"} == precisions
    assert "" == _agreement(model).disagreement


@needs_nncf
def test_int8_that_loses_accuracy_disagrees(make_ir, quantised):
    model = quantised(OpenVINOInt8Converter(search_s=0), make_ir(_LOUD))

    assert "output 'scores'" in _agreement(model, _LOUD).disagreement


@needs_nncf
def test_a_layer_that_loses_accuracy_is_found_and_left_in_floating_point(make_ir, quantised, capsys):
    model = quantised(OpenVINOInt8Converter(), make_ir(_LOUD))

    assert "left in floating point: second" in capsys.readouterr().out
    assert "" == _agreement(model, _LOUD).disagreement
    with OpenVINORunner().open(model, DeviceKind.CPU) as infer:
        infer(model.examples[0])

        assert {"f32", "i8"} == _precisions(infer)


@needs_nncf
@pytest.mark.parametrize(
    "options", [{"ignored": ("first", "second", "scores")}, {"ignored_types": ("Convolution", "MatMul")}]
)
def test_operators_that_are_ignored_stay_in_floating_point(make_ir, quantised, options):
    model = quantised(OpenVINOInt8Converter(**options), make_ir())
    with OpenVINORunner().open(model, DeviceKind.CPU) as infer:
        infer(model.examples[0])

        assert {"f32"} == _precisions(infer)


@needs_nncf
def test_weights_take_7_bits_unless_8_are_asked_for(make_ir, quantised, tmp_path):
    model = make_ir()
    largest = {}
    for bits in (7, 8):
        path = tmp_path / f"{bits}.xml"
        OpenVINOInt8Converter(weight_bits=bits).write(model, path)
        constants = [
            each for each in openvino.Core().read_model(str(path)).get_ops() if each.get_type_name() == "Constant"
        ]
        largest[bits] = max(
            np.abs(each.data).max() for each in constants if each.get_element_type() == openvino.Type.i8
        )

    assert {7: 64, 8: 128} == {bits: 2 ** int(np.ceil(np.log2(value))) for bits, value in largest.items()}


@needs_nncf
def test_ranges_of_dimensions_are_kept_and_torch_is_not_imported(make_ir, quantised):
    model = make_ir()
    model = attrs.evolve(model, signature=attrs.evolve(model.signature, ranges=(Range("N", 2, 8),)))
    before = "torch" in sys.modules

    assert (Range("N", 2, 8),) == quantised(OpenVINOInt8Converter(), model).signature.ranges
    assert before == ("torch" in sys.modules)


@needs_nncf
def test_few_samples_are_mentioned(make_ir, quantised, capsys):
    quantised(OpenVINOInt8Converter(), make_ir())

    assert "calibrated with 12 samples; a few hundred usually give better ranges" in capsys.readouterr().out


def test_without_samples_it_refuses(make_ir, quantised):
    with pytest.raises(DataloaderError, match="no samples to calibrate int8 with"):
        quantised(OpenVINOInt8Converter(), attrs.evolve(make_ir(), examples=()))


@needs_nncf
def test_it_is_not_tried_on_what_is_quantised(make_ir, quantised):
    tool, model = OpenVINOInt8Converter(), make_ir()

    assert tool.unsuited(model) is None
    assert "the model is quantised already" == tool.unsuited(quantised(tool, model))


def test_it_is_not_tried_on_what_int8_does_not_make_faster(make_ir):
    from openvino import opset13 as opset

    model = make_ir()
    data = opset.parameter([-1, 3, 10, 10], dtype=np.float32, name="image")
    openvino.save_model(openvino.Model([opset.relu(data)], [data], "relu"), str(model.path))

    assert "the model has no convolutions and no matrix products" == OpenVINOInt8Converter().unsuited(model)


@pytest.mark.parametrize("softmax", [True, False])
def test_attention_is_a_softmax_between_products(softmax):
    from openvino import opset13 as opset

    data = opset.parameter([2, 4, 8], dtype=np.float32, name="data")
    scores = opset.matmul(data, data, False, True)
    scaled = opset.multiply(scores, np.float32(0.3))
    weights = opset.multiply(opset.softmax(scaled, 2) if softmax else scaled, np.float32(1.0))
    model = openvino.Model([opset.matmul(weights, data, False, False)], [data], "attention")

    assert softmax == has_attention(model)


@pytest.mark.parametrize(
    ("option", "value"), [("preset", "fast"), ("weight_bits", 4), ("subset_size", 0), ("precision", "bf16")]
)
def test_an_option_that_does_not_exist_is_refused(option, value):
    with pytest.raises(ValueError, match=f"'{option}' must be"):
        attrs.evolve(OpenVINOInt8Converter(), **{option: value})

"""ONNX to OpenVINO IR."""

import attrs
import numpy as np
import onnx
import openvino
import pytest
from onnx import TensorProto, helper

from nav_openvino import OpenVINOConverter, OpenVINORunner
from navcore.contracts import Model
from navcore.domain import DeviceKind, Range, Signature, TensorSpec
from navcore.formats import Format
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


def _graph(path, nodes, inputs, outputs):
    """Write a graph of floats and return it as a model; shapes by name."""
    infos = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side.items()]
        for side in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "graph", *infos)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    specs = [tuple(TensorSpec(name, "float32", shape) for name, shape in side.items()) for side in (inputs, outputs)]
    feeds = {
        name: np.full([2 if size == "N" else size for size in shape], 7, np.float32) for name, shape in inputs.items()
    }
    return Model(format=Format.ONNX, signature=Signature(*specs, batch="N"), path=path, examples=(feeds,))


_KEPT = {
    "given on": ([helper.make_node("Identity", ["data"], ["same"])], {"data": ("N", 3)}),
    "used by nobody": ([helper.make_node("Relu", ["data"], ["same"])], {"data": ("N", 3), "mask": ("N", 2)}),
    "empty": ([helper.make_node("CastLike", ["data", "like"], ["same"])], {"data": ("N", 3), "like": (0,)}),
}


@pytest.mark.parametrize("case", _KEPT)
def test_an_input_is_kept_that_is(tmp_path, case):
    nodes, inputs = _KEPT[case]
    model = _graph(tmp_path / "model.onnx", nodes, inputs, {"same": ("N", 3)})
    signature = OpenVINOConverter().write(model, tmp_path / "model.xml")
    written = attrs.evolve(model, format=Format.OPENVINO_IR, signature=signature, path=tmp_path / "model.xml")
    with OpenVINORunner().open(written, DeviceKind.CPU) as infer:
        found = infer(model.examples[0])

    np.testing.assert_array_equal(np.full((2, 3), 7, np.float32), found["same"])


def test_ranges_of_dimensions_are_kept(onnx_model, tmp_path):
    model = attrs.evolve(onnx_model, signature=attrs.evolve(onnx_model.signature, ranges=(Range("N", 2, 63),)))

    assert (Range("N", 2, 63),) == OpenVINOConverter().write(model, tmp_path / "model.xml").ranges


def test_a_truncated_file_is_an_exception(onnx_model, tmp_path):
    onnx_model.path.write_bytes(onnx_model.path.read_bytes()[:-60])
    with pytest.raises(RuntimeError, match=r"model\.onnx|ONNX|parse"):
        OpenVINOConverter().write(onnx_model, tmp_path / "model.xml")

"""SavedModels to OpenVINO IR."""

import attrs
import numpy as np
import openvino
import pytest

from nav_openvino import OpenVINORunner, SavedModelConverter
from nav_openvino.convert_savedmodel import ConversionError
from navcore.contracts import Model
from navcore.domain import Signature, TensorSpec
from navcore.formats import Format
from navcore.testing.suites import ConverterSuite

tensorflow = pytest.importorskip("tensorflow", reason="the SavedModels are made by it: pip install tensorflow-cpu")

SIGNATURE = Signature(
    (TensorSpec("image", "float32", ("batch", 6, "width", 3)), TensorSpec("scale", "float32", ("batch",))),
    (TensorSpec("maps", "float32", ("batch", 4, "length", 4)), TensorSpec("best", "int64", ("batch", 4, "length"))),
    batch="batch",
)
KERNEL = np.random.default_rng(1).normal(size=(3, 3, 3, 4)).astype(np.float32)


def _save(folder, function, **inputs):
    module = tensorflow.Module()
    module.kernel = tensorflow.Variable(KERNEL)
    module.serve = tensorflow.function(lambda **feeds: function(module.kernel, **feeds))
    specs = {name: tensorflow.TensorSpec(shape, tensorflow.float32, name=name) for name, shape in inputs.items()}
    concrete = module.serve.get_concrete_function(**specs)
    tensorflow.saved_model.save(module, str(folder), signatures={"serving_default": concrete})
    return folder


def _scaled_maps(kernel, image, scale):
    maps = tensorflow.nn.conv2d(image, kernel, 1, "VALID") * scale[:, None, None, None]
    return {"maps": maps, "best": tensorflow.argmax(maps, axis=3)}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    generator = np.random.default_rng(0)
    examples = tuple(
        {
            "image": generator.normal(size=(size, 6, width, 3)).astype(np.float32),
            "scale": generator.normal(size=size).astype(np.float32),
        }
        for size, width in ((2, 5), (3, 7))
    )
    folder = tmp_path_factory.mktemp("saved") / "model"
    _save(folder, _scaled_maps, image=(None, 6, None, 3), scale=(None,))
    return Model(format=Format.TF_SAVEDMODEL, signature=SIGNATURE, path=folder, examples=examples)


class TestSavedModelConverter(ConverterSuite):
    @pytest.fixture
    def tool(self):
        return SavedModelConverter()

    @pytest.fixture
    def model(self, saved):
        return saved

    @pytest.fixture
    def runner(self):
        return OpenVINORunner()

    @pytest.fixture
    def expected(self, saved):
        def compute(image, scale):
            windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3), axis=(1, 2))
            maps = np.einsum("nhwcij,ijcf->nhwf", windows, KERNEL) * scale[:, None, None, None]
            return {"maps": maps.astype(np.float32), "best": maps.argmax(axis=3)}

        return tuple(compute(**feeds) for feeds in saved.examples)

    def test_names_and_sizes_that_vary_are_kept(self, tool, model, tmp_path):
        tool.write(model, tmp_path / "model.xml")
        written = openvino.Core().read_model(str(tmp_path / "model.xml"))
        ports = (*written.inputs, *written.outputs)

        assert {"image", "scale", "maps", "best"} == {name for port in ports for name in port.get_names()}
        assert "[?,6,?,3]" == written.input("image").get_partial_shape().to_string()

    def test_an_output_that_the_signature_lacks_is_named(self, tool, model, tmp_path):
        other = Signature(SIGNATURE.inputs, (attrs.evolve(SIGNATURE.outputs[0], name="scores"),), "batch")
        with pytest.raises(ConversionError, match="found no output 'scores' in the SavedModel, only best"):
            tool.write(attrs.evolve(model, signature=other), tmp_path / "model.xml")


def test_a_size_that_was_baked_in_is_named(tmp_path):
    folder = _save(tmp_path / "fixed", lambda kernel, x: {"y": tensorflow.reshape(x, (2, 3))}, x=(None, 3))
    signature = Signature(
        (TensorSpec("x", "float32", ("batch", 3)),), (TensorSpec("y", "float32", ("batch", 3)),), "batch"
    )
    model = Model(format=Format.TF_SAVEDMODEL, signature=signature, path=folder)
    with pytest.raises(ConversionError, match=r"batch was baked in: y is \[2,3\] in the converted model"):
        SavedModelConverter().write(model, tmp_path / "model.xml")


def test_what_jax_wrote_is_unsuited_with_one_sentence(saved, tmp_path):
    from tensorflow.compiler.tf2xla.ops.gen_xla_ops import xla_call_module

    def called(_kernel, x):
        options = {name: [] for name in ("dim_args_spec", "function_list", "disabled_checks")}
        (y,) = xla_call_module([x], 9, b"bytecode", [(None, 3)], [tensorflow.float32], platforms=["CPU"], **options)
        return {"y": y}

    folder = _save(tmp_path / "stablehlo", called, x=(None, 3))

    assert SavedModelConverter().unsuited(saved) is None
    assert "StableHLO that JAX wrote, in the operator XlaCallModule, which OpenVINO" in (
        SavedModelConverter().unsuited(attrs.evolve(saved, path=folder)) or ""
    )

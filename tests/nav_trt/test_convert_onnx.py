"""ONNX to engines, built for real; running one needs a GPU."""

import attrs
import numpy as np
import onnx
import pytest
from onnx import helper

from nav_trt.convert_onnx import TensorRTConverter
from nav_trt.profile import TensorRTProfile, frozen_profile
from nav_trt.run_tensorrt import TensorRTRunner
from nav_trt.trt_error import EngineError
from navcore.contracts import Model
from navcore.domain import Range, TensorSpec
from navcore.errors import UnknownNameError
from navcore.formats import Format
from navcore.testing.suites import ConverterSuite

from .conftest import model_of

_FLOATS = [TensorSpec("x", "float32", ("batch", 4))], [TensorSpec("y", "float32", ("batch", 4))]
_NODE = helper.make_node


@pytest.mark.usefixtures("engines")
class TestTensorRTConverter(ConverterSuite):
    @pytest.fixture
    def tool(self):
        return TensorRTConverter()

    @pytest.fixture
    def model(self, transformer):
        return transformer

    @pytest.fixture
    def runner(self):
        return TensorRTRunner()

    @pytest.fixture
    def expected(self, model):
        return tuple({"y": np.zeros((2, feeds["ids"].shape[1], 16), np.float32)} for feeds in model.examples)

    @pytest.mark.skipif(bool(TensorRTRunner().unavailable()), reason=f"TensorRT: {TensorRTRunner().unavailable()}")
    def test_what_was_written_computes_the_same(self, usable, model, out, runner, expected):
        import onnxruntime

        session = onnxruntime.InferenceSession(str(model.path))
        right = tuple({"y": session.run(["y"], dict(feeds))[0]} for feeds in model.examples)
        super().test_what_was_written_computes_the_same(usable, model, out, runner, right)


def floats(path, *nodes, weights=None, **options):
    feeds = [{"x": np.ones((2, 4), np.float32)}]
    return model_of(path / "model.onnx", list(nodes), *_FLOATS, weights, **({"examples": feeds} | options))


@pytest.mark.parametrize("precision", ["fp16", "bf16", "int8"])
def test_a_precision_gives_an_engine_of_its_own(engines, transformer, out, precision):
    TensorRTConverter().write(transformer, out)
    plain = out.read_bytes()
    lowered = TensorRTConverter(name=f"trt-{precision}", precision=precision)
    signature = lowered.write(transformer, out)

    assert (Range("batch", 1, 64), Range("length", 5, 12)) == signature.ranges
    assert plain != out.read_bytes()
    assert ["model.plan"] == [path.name for path in out.parent.iterdir()]


@pytest.mark.parametrize("precision", ["fp8", "nvfp4"])
def test_a_precision_that_cannot_be_had_is_refused_with_the_fix(engines, transformer, out, precision, monkeypatch):
    monkeypatch.setattr("nav_trt.convert_onnx.has_modelopt", lambda: False)
    with pytest.raises(EngineError, match=f"TensorRT takes {precision} from a graph with Q/DQ pairs") as caught:
        TensorRTConverter(precision=precision).write(transformer, out)

    assert "modelopt" in str(caught.value) or "nav-trt[int8]" in caught.value.fix
    assert not out.exists()


def quantised(path, zero=0, dtype=np.int8):
    scale = {"scale": np.float32(0.1), "zero": np.asarray(zero, dtype)}
    nodes = (
        _NODE("QuantizeLinear", ["x", "scale", "zero"], ["q"], name="quantise"),
        _NODE("DequantizeLinear", ["q", "scale", "zero"], ["y"], name="dequantise"),
    )
    return floats(path, *nodes, weights=scale)


def test_a_model_with_quantisation_of_its_own_is_built_as_it_is(engines, tmp_path, out):
    model = quantised(tmp_path)
    TensorRTConverter(precision="int8").write(model, out)

    assert out.stat().st_size > 0
    with pytest.raises(EngineError, match=r"quantised to int8 already, and fp8 was asked for"):
        TensorRTConverter(precision="fp8").write(model, out)
    assert "the model is quantised, and trt builds it as it is" == TensorRTConverter(precision="fp16").unsuited(model)


def test_what_a_pass_has_quantised_for_others_is_left_out(tmp_path):
    model = quantised(tmp_path, 7, np.uint8)
    proto = onnx.load(model.path)
    proto.metadata_props.add(key="navcore.passes", value="onnx-int8")
    onnx.save(proto, model.path)

    assert "what onnx-int8 gives is quantised to uint8, and TensorRT takes int8" in TensorRTConverter().unsuited(model)


def test_what_a_pass_has_lowered_is_not_lowered_again(tmp_path):
    model = floats(tmp_path, _NODE("Relu", ["x"], ["y"]))
    proto = onnx.load(model.path)
    proto.metadata_props.add(key="navcore.passes", value="onnx-slim,onnx-fp16")
    onnx.save(proto, model.path)

    told = "onnx-fp16 has lowered the model already, and trt builds it as it is"
    assert told == TensorRTConverter(precision="fp16").unsuited(model)
    assert TensorRTConverter().unsuited(model) is None


_REFUSED = {
    "an operator that it lacks": (
        lambda path: floats(path, _NODE("Relu", ["x"], ["r"]), _NODE("Celu", ["r"], ["s"], name="odd"), _det("s")),
        r"TensorRT's parser refuses node 'the_det' \(Det\): it has no such operator",
    ),
    "an operator of a stranger": (
        lambda path: floats(path, _NODE("Foo", ["x"], ["y"], name="custom", domain="my.ops"), domains=["my.ops"]),
        r"refuses node 'custom' \(Foo\): .*Plugin not found",
    ),
    "a zero that is not 0": (
        lambda path: quantised(path, 7, np.uint8),
        r"refuses node 'quantise' \(QuantizeLinear\): .*Non-zero zero point is not supported",
    ),
}


def _det(name):
    return _NODE("Det", [name], ["y"], name="the_det")


@pytest.mark.parametrize("case", _REFUSED)
def test_the_parser_names_the_node(engines, tmp_path, out, case):
    make, message = _REFUSED[case]
    with pytest.raises(EngineError, match=message) as caught:
        TensorRTConverter().write(make(tmp_path), out)

    assert "OnnxTensorRT" in caught.value.fix
    assert not out.exists()


def test_a_file_that_is_no_model_is_refused_in_a_sentence(engines, tmp_path, out):
    model = floats(tmp_path, _NODE("Relu", ["x"], ["y"]))
    model.path.write_bytes(model.path.read_bytes()[:-20])
    with pytest.raises(EngineError, match=r"TensorRT's parser refuses .+"):
        TensorRTConverter().write(model, out)


def test_a_type_that_would_change_silently_is_refused(engines, tmp_path, out):
    sides = ([attrs.evolve(side[0], dtype="float64")] for side in _FLOATS)
    feeds = [{"x": np.ones((2, 4))}]
    model = model_of(tmp_path / "model.onnx", [_NODE("Relu", ["x"], ["y"])], *sides, examples=feeds)
    with pytest.raises(EngineError, match="no tensors of float64: the input 'x' would silently be float32"):
        TensorRTConverter().write(model, out)


def test_weights_in_a_file_of_their_own_are_read(engines, transformer, tmp_path, out):
    path = tmp_path / "external.onnx"
    onnx.save(onnx.load(transformer.path), path, save_as_external_data=True, location="weights", size_threshold=0)
    model = attrs.evolve(transformer, path=path)
    for tool in (TensorRTConverter(), TensorRTConverter(precision="fp16"), TensorRTConverter(precision="int8")):
        tool.write(model, out)

        assert out.stat().st_size > 0


def test_a_shape_that_is_an_input_gets_the_values_of_the_samples(engines, tmp_path, out):
    model = model_of(
        tmp_path / "model.onnx",
        [_NODE("Reshape", ["x", "shape"], ["y"])],
        [TensorSpec("x", "float32", ("batch", 4)), TensorSpec("shape", "int64", (2,))],
        [TensorSpec("y", "float32", ("rows", "columns"))],
        examples=[{"x": np.ones((size, 4), np.float32), "shape": np.array([2 * size, 2])} for size in (2, 4)],
    )

    assert (Range("batch", 2, 4),) == TensorRTConverter().write(model, out).ranges


def test_further_profiles_are_built_and_the_widest_tells_the_ranges(engines, transformer, out):
    near = TensorRTProfile().add("ids", (1, 1), (1, 4), (1, 4))
    wide = TensorRTProfile().add("ids", (1, 2), (8, 16), (128, 32))
    tool = TensorRTConverter(profiles=(frozen_profile(near), frozen_profile(wide)))

    assert (Range("batch", 1, 128), Range("length", 2, 32)) == tool.write(transformer, out).ranges


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"profiles": (frozen_profile({"idz": ((1,), (1,), (1,))}),)}, UnknownNameError, "did you mean 'ids'"),
        (
            {"profiles": (frozen_profile({"ids": ((1,), (1,), (1,))}),)},
            EngineError,
            "has 1 axes for 'ids', and the model",
        ),
        ({"profiles": ((),)}, EngineError, "has no shapes for 'ids'"),
        ({"custom_args": (("max_aux_streamz", 1),)}, UnknownNameError, "did you mean 'max_aux_streams'"),
    ],
)
def test_options_that_do_not_fit_the_model_are_refused(engines, transformer, out, options, error, message):
    with pytest.raises(error, match=message):
        TensorRTConverter(**options).write(transformer, out)


def test_every_option_reaches_the_builder(engines, transformer, out, capsys):
    tool = TensorRTConverter(
        tf32=True,
        max_batch_size=8,
        max_workspace_size=1 << 26,
        optimization_level=1,
        compatibility_level="ampere_plus",
        parser_flags=(0,),
        custom_args=(("avg_timing_iterations", 2),),
    )

    assert Range("batch", 1, 8) == tool.write(transformer, out).ranges[0]
    assert "profiles: ids (1, 5) to (8, 12), best" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("version", "mode", "flags"),
    [("10.9.0", "hierarchy", ("FP16",)), ("10.9.0", "single", ()), ("11.4.0", "hierarchy", ())],
)
def test_before_version_11_tensorrt_chooses_what_is_lowered(monkeypatch, version, mode, flags):
    from nav_trt.installed import Installed

    monkeypatch.setattr("nav_trt.convert_onnx.installed", lambda: Installed(version))

    assert flags == TensorRTConverter(precision="fp16", mode=mode)._flags


def test_without_a_path_it_says_what_it_needs(transformer, out):
    with pytest.raises(ValueError, match="trt needs an ONNX file"):
        TensorRTConverter().write(Model(format=Format.ONNX, signature=transformer.signature), out)

"""OpenVINO IR on the CPU."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import attrs
import ml_dtypes
import numpy as np
import openvino
import pytest
from openvino import opset13 as opset

from nav_openvino import OpenVINOConverter, OpenVINORunner
from nav_openvino.tensors import element_type
from navcore.contracts import Model
from navcore.domain import DeviceKind, Signature, TensorSpec
from navcore.errors import UsageError
from navcore.formats import Format
from navcore.testing.suites import RunnerSuite

from . import conv_nets


@pytest.fixture
def model(onnx_model, tmp_path):
    (tmp_path / "ir").mkdir()
    path = tmp_path / "ir" / "model.xml"
    signature = OpenVINOConverter().write(onnx_model, path)
    return Model(format=Format.OPENVINO_IR, signature=signature, path=path, examples=onnx_model.examples)


class TestOpenVINOCPU(RunnerSuite):
    @pytest.fixture
    def tool(self):
        return OpenVINORunner()

    @pytest.fixture
    def model(self, model):
        return model


class TestOpenVINOCPUForThroughput(TestOpenVINOCPU):
    @pytest.fixture
    def tool(self):
        return OpenVINORunner(name="OpenVINOCPU-throughput", hint="THROUGHPUT", threads=1)


@pytest.fixture
def convolutions(tmp_path):
    """A network with outputs of floats alone, as IR; and what it gives."""
    source = conv_nets.save(tmp_path / "net.onnx", conv_nets.weights(), conv_nets.samples(2))
    (tmp_path / "net").mkdir()
    path = tmp_path / "net" / "model.xml"
    signature = OpenVINOConverter().write(source, path)
    return Model(format=Format.OPENVINO_IR, signature=signature, path=path, examples=source.examples)


class TestOpenVINOCPUInBfloat16(RunnerSuite):
    atol = 0.02
    rtol = 0.02

    @pytest.fixture
    def tool(self):
        return OpenVINORunner(name="OpenVINOCPU-bf16", precision="bf16")

    @pytest.fixture
    def model(self, convolutions):
        return convolutions

    @pytest.fixture
    def expected(self, model):
        return tuple(conv_nets.outputs(feeds, conv_nets.weights()) for feeds in model.examples)

    def test_it_computes_in_bfloat16(self, usable, model, expected):
        with usable.open(model, DeviceKind.CPU) as infer:
            error = np.abs(infer(model.examples[0])["scores"] - expected[0]["scores"]).max()

            assert {"bf16"} == _precisions(infer)
        assert 1e-4 < error < 2e-2

    def test_it_is_available_only_where_openvino_has_the_precision(self, tool):
        native = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")

        assert native or tool.unavailable() is not None


def _precisions(infer):
    """In which precisions convolutions and products of matrices are computed."""
    primitives = [name for name in infer.placement() if name.split()[0] in ("Convolution", "FullyConnected")]
    return {name.rpartition("_")[2] for name in primitives}


def test_it_computes_in_float32_on_every_cpu(convolutions):
    expected = conv_nets.outputs(convolutions.examples[0], conv_nets.weights())
    with OpenVINORunner().open(convolutions, DeviceKind.CPU) as infer:
        error = np.abs(infer(convolutions.examples[0])["scores"] - expected["scores"]).max()

        assert {"f32"} == _precisions(infer)
    # bfloat16 has 8 bits of mantissa: its error here would be above 1e-4.
    assert error < 1e-6


def test_nothing_is_quantised_unasked(convolutions):
    group_sizes = {}
    for mode in ("ACCURACY", "PERFORMANCE"):
        with OpenVINORunner(execution_mode=mode).open(convolutions, DeviceKind.CPU) as infer:
            group_sizes[mode] = infer.compiled.get_property("DYNAMIC_QUANTIZATION_GROUP_SIZE")

    assert 0 == group_sizes["ACCURACY"]
    assert 0 < group_sizes["PERFORMANCE"]  # what OpenVINO does if it is left to itself


def test_the_number_of_threads_and_streams_is_what_was_asked_for(model):
    with OpenVINORunner(threads=1, streams=1).open(model, DeviceKind.CPU) as infer:
        infer(model.examples[0])

        assert "threads: 1, for up to 1 calls at once" in infer.notes()


def test_it_starts_no_more_threads_than_the_control_group_leaves_room_for(model, monkeypatch):
    monkeypatch.setattr("nav_openvino.run_openvino.visible_cpus", lambda: 2)
    monkeypatch.setattr("nav_openvino.run_openvino.usable_cpus", lambda: 1)
    with OpenVINORunner().open(model, DeviceKind.CPU) as infer:
        assert "threads: 1, for up to 1 calls at once" in infer.notes()


def test_it_tells_in_which_precisions_it_computes(convolutions):
    with OpenVINORunner().open(convolutions, DeviceKind.CPU) as infer:
        infer(convolutions.examples[0])
        placement, (precisions, _) = infer.placement(), infer.notes()

    assert f"operators by precision: {sum(placement.values())} f32" == precisions


def test_a_cpu_without_the_instructions_is_told_without_importing_openvino():
    code = """
import sys
from nav_openvino import OpenVINORunner, capability
capability._cpu_flags = lambda: frozenset({"avx2"})
print(OpenVINORunner(precision="bf16").unavailable(), "openvino" in sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert (
        "this CPU has no instructions for bf16; run it on one that has, for example with AVX512-BF16 or AMX False"
        == result.stdout.strip()
    )


def test_compiled_models_are_kept_in_a_folder_if_one_is_given(model, tmp_path):
    found = []
    for folder in (None, str(tmp_path / "cache"), str(tmp_path / "cache")):
        with OpenVINORunner(cache_dir=folder).open(model, DeviceKind.CPU) as infer:
            found.append((infer.compiled.get_property("LOADED_FROM_CACHE"), infer(model.examples[0])))

    assert [False, False, True] == [cached for cached, _ in found]
    for name, array in found[0][1].items():
        np.testing.assert_array_equal(array, found[2][1][name])


def test_a_bound_step_reads_the_arrays_anew_and_makes_new_outputs(model):
    feeds = {name: array.copy() for name, array in model.examples[0].items()}
    with OpenVINORunner().open(model, DeviceKind.CPU) as infer:
        step = infer.bind(feeds)
        first = step()
        kept = first["maps"].copy()
        feeds["image"][...] = model.examples[1]["image"][:2]
        second, expected = step(), infer(feeds)

    np.testing.assert_array_equal(expected["maps"], second["maps"])
    np.testing.assert_array_equal(kept, first["maps"])
    assert not np.shares_memory(first["maps"], second["maps"])


@pytest.mark.parametrize("form", ["fortran", "read-only", "swapped", "slice"])
def test_arrays_of_other_forms_are_computed_on_and_bound(model, form):
    image = model.examples[0]["image"].copy()
    forms = {
        "fortran": np.asfortranarray(image),
        "read-only": image.copy(),
        "swapped": image.astype(image.dtype.newbyteorder()),
        "slice": np.repeat(image, 2, axis=0)[::2],
    }
    source = forms[form]
    given = source.view()
    given.flags.writeable = form != "read-only"
    with OpenVINORunner().open(model, DeviceKind.CPU) as infer:
        step = infer.bind({"image": given})
        expected, found, bound = infer({"image": image}), infer({"image": given}), step()
        source[...] = 0
        zeros = step()

    for outputs in (found, bound):
        np.testing.assert_array_equal(expected["maps"], outputs["maps"])
    assert np.abs(zeros["maps"] - zeros["maps"][:, :, :1, :1]).max() < 1e-6


def test_other_calls_do_not_disturb_a_bound_step(model):
    with OpenVINORunner().open(model, DeviceKind.CPU) as infer:
        step = infer.bind(model.examples[0])
        before = step()
        infer(model.examples[1])
        after = step()

    np.testing.assert_array_equal(before["maps"], after["maps"])


def _passing(path, element, shape=(-1,), name="data"):
    """Write an IR that gives what it takes, and return it as a model."""
    data = opset.parameter(list(shape), dtype=element, name=name)
    model = openvino.Model([opset.reshape(data, np.array([-1]), False)], [data], "passing")
    model.input(0).get_tensor().set_names({name})
    model.output(0).get_tensor().set_names({"same"})
    openvino.save_model(model, str(path), compress_to_fp16=False)
    sizes = tuple("N" if size == -1 else size for size in shape)
    signature = Signature((TensorSpec(name, "float32", sizes),), (TensorSpec("same", "float32", ("M",)),))
    return Model(format=Format.OPENVINO_IR, signature=signature, path=path)


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_numbers_that_numpy_lacks_go_in_and_out_as_those_of_ml_dtypes(tmp_path, name):
    dtype = np.dtype(getattr(ml_dtypes, name))
    model = _passing(tmp_path / "model.xml", element_type(name))
    data = np.array([0.5, -1, 2], dtype)
    with OpenVINORunner().open(model, DeviceKind.CPU) as infer:
        step = infer.bind({"data": data})
        found, bound = infer({"data": data})["same"], step()["same"]

    for array in (found, bound):
        assert dtype == array.dtype
        np.testing.assert_array_equal(data, array)


@pytest.mark.parametrize(
    ("element", "held"),
    [("string", "text, and the runner passes numbers"), ("i4", "i4, which OpenVINO packs into bytes")],
)
def test_what_cannot_be_passed_as_numbers_is_refused_by_name(tmp_path, element, held):
    model = _passing(tmp_path / "model.xml", getattr(openvino.Type, element), name="text")
    with pytest.raises(UsageError, match=f"input 'text' holds {held}"), OpenVINORunner().open(model, DeviceKind.CPU):
        pass


def test_an_input_that_the_ir_lacks_is_named(model):
    specs = (*model.signature.inputs, TensorSpec("mask", "float32", ("N",)))
    model = attrs.evolve(model, signature=attrs.evolve(model.signature, inputs=specs))
    with pytest.raises(UsageError, match="no input 'mask', only image"), OpenVINORunner().open(model, DeviceKind.CPU):
        pass


def test_a_batch_of_none_is_computed(model):
    with OpenVINORunner().open(model, DeviceKind.CPU) as infer:
        outputs = infer({"image": np.zeros((0, 3, 6, 5), np.float32)})

    assert {"maps": (0, 4, 4, 3), "best": (0, 4, 3)} == {name: array.shape for name, array in outputs.items()}


def test_an_index_out_of_range_is_not_noticed_by_openvino(tmp_path):
    # As docs/support-matrix.md says; ONNX Runtime and PyTorch raise.
    index = opset.parameter([-1], dtype=np.int64, name="index")
    gathered = opset.gather(np.arange(3, dtype=np.float32), index, np.array(0))
    model = openvino.Model([gathered], [index], "gather")
    model.input(0).get_tensor().set_names({"index"})
    model.output(0).get_tensor().set_names({"found"})
    openvino.save_model(model, str(tmp_path / "model.xml"), compress_to_fp16=False)
    signature = Signature((TensorSpec("index", "int64", ("N",)),), (TensorSpec("found", "float32", ("N",)),))
    model = Model(format=Format.OPENVINO_IR, signature=signature, path=tmp_path / "model.xml")
    with OpenVINORunner().open(model, DeviceKind.CPU) as infer:
        found = infer({"index": np.array([2, 3])})["found"]

    assert 2.0 == found[0]
    assert (2,) == found.shape


def test_several_threads_may_call_one_instance_and_get_their_own_outputs(model):
    calls, together = 200, threading.Barrier(4)
    feeds = [{"image": np.full((4, 3, 6, 5), number, np.float32)} for number in range(4)]
    with OpenVINORunner(threads=1).open(model, DeviceKind.CPU) as infer:

        def client(number):
            together.wait(30)
            return [infer(feeds[number])["maps"] for _ in range(calls)]

        expected = [infer(each)["maps"] for each in feeds]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(client, range(4)))

    for number in range(4):
        np.testing.assert_allclose(np.stack(found[number]), np.stack([expected[number]] * calls), rtol=1e-5)


@pytest.mark.parametrize(
    ("option", "value"),
    [("precision", "f32"), ("hint", "fastest"), ("threads", 0), ("streams", 0), ("execution_mode", "")],
)
def test_an_option_that_does_not_exist_is_refused(option, value):
    with pytest.raises(ValueError, match=f"'{option}' must be"):
        attrs.evolve(OpenVINORunner(), **{option: value})

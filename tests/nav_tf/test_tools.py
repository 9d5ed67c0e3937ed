"""Runners and the exporter, each by the public suite and by what it promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from nav_tf import TensorFlowConfig, TensorFlowTensorRTConfig
from nav_tf.convert_trt import TensorFlowTensorRTConverter
from nav_tf.describe import describe
from nav_tf.export_savedmodel import ExportError, SavedModelExporter
from nav_tf.plugin import nav_converters, nav_runners
from nav_tf.run_trt import TensorFlowTensorRTRunner
from nav_tf.tensorrt_build import missing_tftrt
from navcore.configs import frozen_arguments
from navcore.contracts import Model
from navcore.domain import DeviceKind, Names, Signature, TensorSpec
from navcore.errors import UnknownNameError, UsageError
from navcore.formats import Format
from navcore.testing.suites import ConverterSuite, ExporterSuite, RunnerSuite

from .conftest import affine_module, network_samples, normal

RUNNERS = {runner.name: runner for runner in nav_runners()}
NAMES = Names((), ())
NETWORK = Signature(
    (TensorSpec("image", "float32", ("batch", 6, 6, 2)), TensorSpec("extra", "float32", ("batch", 4))),
    (TensorSpec("both", "float32", ("batch", 6)), TensorSpec("logits", "float32", ("batch", 3))),
    "batch",
)
AFFINE = Signature(
    (TensorSpec("input__0", "float32", ("batch", 3)),), (TensorSpec("y", "float32", ("batch", 2)),), "batch"
)


def live(model: Any, sample: Any, signature: Signature) -> Model:
    description = describe(model, sample, NAMES)
    return Model(
        format=Format.TENSORFLOW,
        signature=signature,
        object=model,
        call=description.call,
        examples=(description.inputs,),
    )


@pytest.fixture(scope="module")
def of_network(network: Any) -> Model:
    return live(network, network_samples()[0], NETWORK)


@pytest.fixture(scope="module")
def saved_network(of_network: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("saved") / "model"
    SavedModelExporter().write(of_network, folder)
    return Model(format=Format.TF_SAVEDMODEL, signature=NETWORK, path=folder, examples=of_network.examples)


@pytest.fixture(scope="module")
def expected(network: Any) -> Any:
    outputs = network(list(network_samples()[0]))
    return [{name: outputs[name].numpy() for name in ("both", "logits")}]


class TestTensorFlowCPU(RunnerSuite):
    @pytest.fixture
    def tool(self) -> Any:
        return RUNNERS["TensorFlowCPU"]

    @pytest.fixture
    def model(self, of_network: Model) -> Model:
        return of_network


class TestTensorFlowFunctionCPU(TestTensorFlowCPU):
    @pytest.fixture
    def tool(self) -> Any:
        return RUNNERS["TensorFlowFunctionCPU"]


class TestTensorFlowSavedModelCPU(RunnerSuite):
    @pytest.fixture
    def tool(self) -> Any:
        return RUNNERS["TensorFlowSavedModelCPU"]

    @pytest.fixture
    def model(self, saved_network: Model) -> Model:
        return saved_network

    def test_tensors_go_in_and_out(self, tool: Any, model: Model) -> None:
        with tool.open(model, DeviceKind.CPU) as infer:
            outputs = infer.native(tf.ones((2, 6, 6, 2)), tf.ones((2, 4)))

        assert isinstance(outputs["logits"], tf.Tensor)


class TestTensorFlowSavedModelXla(TestTensorFlowSavedModelCPU):
    @pytest.fixture
    def tool(self) -> Any:
        return RUNNERS["TensorFlowSavedModelCPU-xla"]

    def test_compiling_is_told_apart(self, tool: Any, model: Model) -> None:
        with tool.open(model, DeviceKind.CPU) as infer:
            assert () == infer.notes()
            for size in (2, 2, 3):
                infer({name: array[:1].repeat(size, 0) for name, array in model.examples[0].items()})
            (note,) = infer.notes()

        assert note.startswith("compiled 2 times, once for each shape; the calls that compiled took ")


class TestSavedModelExporter(ExporterSuite):
    @pytest.fixture
    def tool(self) -> Any:
        return SavedModelExporter()

    @pytest.fixture
    def runner(self) -> Any:
        return RUNNERS["TensorFlowSavedModelCPU"]

    @pytest.fixture
    def model(self, of_network: Model) -> Model:
        return of_network

    def state(self, model: Model) -> object:
        return [variable.numpy().tobytes() for variable in model.object.variables]

    def test_names_and_sizes_that_vary_are_in_the_file(self, saved_network: Model) -> None:
        loaded = tf.saved_model.load(str(saved_network.path))
        function = loaded.signatures["serving_default"]

        assert {
            "image": [None, 6, 6, 2],
            "extra": [None, 4],
        } == {name: spec.shape.as_list() for name, spec in function.structured_input_signature[1].items()}
        assert {"both", "logits"} == set(function.structured_outputs)


def test_variables_of_a_module_and_of_a_function_travel_with_them(tmp_path: Path) -> None:
    module = affine_module()
    for place, (model, output, factor) in enumerate([(module, "y", 1.0), (module.twice, "output__0", 2.0)]):
        signature = Signature(AFFINE.inputs, (TensorSpec(output, "float32", ("batch", 2)),), "batch")
        path = tmp_path / str(place)
        SavedModelExporter().write(live(model, normal(2, 3), signature), path)
        artifact = Model(format=Format.TF_SAVEDMODEL, signature=signature, path=path)
        with RUNNERS["TensorFlowSavedModelCPU"].open(artifact, DeviceKind.CPU) as infer:
            got = infer({"input__0": normal(5, 3)})[output]

        np.testing.assert_allclose(normal(5, 3) @ normal(3, 2) * factor, got, rtol=1e-5)


def test_a_size_that_was_baked_in_is_named(tmp_path: Path) -> None:
    model = live(tf.function(lambda x: {"y": tf.zeros([2, 2]) + x[0, 0]}), normal(2, 3), AFFINE)
    with pytest.raises(ExportError, match="batch was baked in: y is 2"):
        SavedModelExporter().write(model, tmp_path / "m")


def test_a_name_that_tensorflow_cannot_keep_is_refused(tmp_path: Path) -> None:
    signature = Signature((TensorSpec("in-put", "float32", ("batch", 3)),), AFFINE.outputs, "batch")
    description = describe(affine_module(), normal(2, 3), Names(("in-put",), ()))
    model = Model(format=Format.TENSORFLOW, signature=signature, object=affine_module(), call=description.call)
    with pytest.raises(ExportError, match=r"keeps no input named 'in-put': .* input_names"):
        SavedModelExporter().write(model, tmp_path / "m")


class TestTensorFlowTensorRT(ConverterSuite):
    @pytest.fixture
    def tool(self) -> Any:
        return TensorFlowTensorRTConverter()

    @pytest.fixture
    def model(self, saved_network: Model) -> Model:
        return saved_network


class TestTensorFlowTensorRTRunner(RunnerSuite):
    @pytest.fixture
    def tool(self) -> Any:
        return TensorFlowTensorRTRunner()

    @pytest.fixture
    def model(self, saved_network: Model) -> Model:
        return Model(format=Format.TF_TRT, signature=NETWORK, path=saved_network.path, examples=saved_network.examples)


def test_what_has_no_tf_trt_says_which_versions_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nav_tf.tensorrt_build.installed_version", lambda: "2.18.1")
    assert "TensorFlow 2.18.1 has no TF-TRT: 2.18 and later are built without it; use TensorFlow 2.17" in str(
        missing_tftrt()
    )
    monkeypatch.setattr("nav_tf.tensorrt_build.installed_version", lambda: "2.17.0")
    assert "TF-TRT" not in str(missing_tftrt())


def test_runners_for_cuda_say_what_is_missing() -> None:
    reasons = {RUNNERS[name].unavailable() for name in ("TensorFlowCUDA", "TensorFlowSavedModelCUDA-xla")}
    if None in reasons:
        pytest.skip("TensorFlow has CUDA here")
    (reason,) = reasons

    assert "; " in str(reason)


def test_a_config_chooses_between_compiled_and_not() -> None:
    tools = (SavedModelExporter(), *(RUNNERS[f"TensorFlowSavedModelCPU{end}"] for end in ("", "-xla")))
    chosen = {
        wanted: [tool.name for tool in TensorFlowConfig(jit_compile=wanted).configure(tools)[1:]]
        for wanted in (None, True, False)
    }
    (exporter, *_) = TensorFlowConfig(custom_args={"experimental_custom_gradients": True}).configure(tools)

    assert {
        None: ["TensorFlowSavedModelCPU", "TensorFlowSavedModelCPU-xla"],
        True: ["TensorFlowSavedModelCPU-xla"],
        False: ["TensorFlowSavedModelCPU"],
    } == chosen
    assert frozen_arguments({"experimental_custom_gradients": True}) == exporter.custom_args  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match=r"enable_xla.*an option of jax2tf"):
        TensorFlowConfig(enable_xla=True)
    with pytest.raises(UnknownNameError, match="jit_compile"):
        TensorFlowConfig(jit_compiled=True)


def test_the_config_of_tf_trt_makes_a_converter_for_each_precision() -> None:
    tools = (*(tool for tool in nav_converters() if tool.target == Format.TF_TRT), TensorFlowTensorRTRunner())
    config = TensorFlowTensorRTConfig(precision="fp16", minimum_segment_size=5, max_workspace_size=1 << 20)
    converter, runner = config.configure(tools)

    assert ("tf-trt-fp16", 5, 1 << 20) == (converter.name, converter.minimum_segment_size, converter.max_workspace_size)  # type: ignore[attr-defined]
    assert "TensorFlowTensorRT" == runner.name
    assert ("fp16",) == config.precisions
    with pytest.raises(UsageError, match="engines are built for the sizes of the samples"):
        TensorFlowTensorRTConfig(trt_profiles=[{}])

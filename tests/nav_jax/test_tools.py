"""Exporters and runners, each by the public suite and by what it promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from nav_jax import JaxModel
from nav_jax.describe import describe
from nav_jax.export_onnx import JaxOnnxExporter
from nav_jax.export_stablehlo import StableHLOExporter
from nav_jax.plugin import nav_runners
from nav_jax.shapes import ExportError
from navcore.contracts import Model
from navcore.domain import DeviceKind, Names, Signature, TensorSpec
from navcore.errors import DataloaderError
from navcore.formats import Format
from navcore.testing.suites import ExporterSuite, RunnerSuite

from .conftest import affine

RUNNERS = {runner.name: runner for runner in nav_runners()}
SIGNATURE = Signature(
    (TensorSpec("input__0", "float32", ("batch", 3)),), (TensorSpec("output__0", "float32", ("batch", 2)),), "batch"
)
NAMES = Names((), ())


@pytest.fixture
def live(params: Any, samples: Any) -> Model:
    return model_of(JaxModel(affine, params), samples[0], SIGNATURE)


@pytest.fixture
def expected(params: Any, live: Model) -> list[dict[str, Any]]:
    return [{"output__0": affine(feeds["input__0"], params)} for feeds in live.examples]


def model_of(function: JaxModel, sample: Any, signature: Signature) -> Model:
    description = describe(function, sample, NAMES)
    return Model(
        format=Format.JAX,
        signature=signature,
        object=function,
        call=description.call,
        examples=(description.inputs,),
    )


class TestJAXCPU(RunnerSuite):
    @pytest.fixture
    def tool(self) -> Any:
        return RUNNERS["JAXCPU"]

    @pytest.fixture
    def model(self, live: Model) -> Model:
        return live


class TestJAXJitCPU(TestJAXCPU):
    @pytest.fixture
    def tool(self) -> Any:
        return RUNNERS["JAXJitCPU"]

    def test_compiling_is_told_apart(self, tool: Any, model: Model) -> None:
        with tool.open(model, DeviceKind.CPU) as infer:
            assert () == infer.notes()
            for size in (2, 2, 5):
                infer({"input__0": np.ones((size, 3), np.float32)})
            (note,) = infer.notes()

        assert note.startswith("compiled 2 times, once for each shape; the calls that compiled took ")

    def test_arrays_of_jax_go_in_and_out(self, tool: Any, model: Model) -> None:
        import jax.numpy as jnp

        with tool.open(model, DeviceKind.CPU) as infer:
            outputs = infer.native(jnp.ones((2, 3)))

        assert isinstance(outputs["output__0"], jax.Array)


class TestJAXExportedCPU(RunnerSuite):
    @pytest.fixture
    def tool(self) -> Any:
        return RUNNERS["JAXExportedCPU"]

    @pytest.fixture
    def model(self, live: Model, tmp_path: Path) -> Model:
        path = tmp_path / "model.jaxexport"
        StableHLOExporter().write(live, path)
        return Model(format=Format.JAX_STABLEHLO, signature=SIGNATURE, path=path, examples=live.examples)

    def test_what_was_exported_for_others_is_refused(self, tool: Any, live: Model, tmp_path: Path) -> None:
        StableHLOExporter(platforms=("tpu",)).write(live, tmp_path / "m.jaxexport")
        model = Model(format=Format.JAX_STABLEHLO, signature=SIGNATURE, path=tmp_path / "m.jaxexport")
        with (
            pytest.raises(RuntimeError, match="it was exported for tpu, and this is cpu"),
            tool.open(model, DeviceKind.CPU),
        ):
            pass


class TestStableHLO(ExporterSuite):
    @pytest.fixture
    def tool(self) -> Any:
        return StableHLOExporter()

    @pytest.fixture
    def runner(self) -> Any:
        return RUNNERS["JAXExportedCPU"]

    @pytest.fixture
    def model(self, live: Model) -> Model:
        return live

    def test_one_file_is_for_all_platforms_that_were_asked_for(self, live: Model, tmp_path: Path) -> None:
        from jax import export

        StableHLOExporter().write(live, tmp_path / "m.jaxexport")

        assert ("cpu", "cuda") == export.deserialize(bytearray((tmp_path / "m.jaxexport").read_bytes())).platforms


class TestJaxOnnx(ExporterSuite):
    @pytest.fixture
    def tool(self) -> Any:
        return JaxOnnxExporter()

    @pytest.fixture
    def model(self, live: Model) -> Model:
        return live

    def test_the_file_has_the_names_of_the_signature(self, live: Model, tmp_path: Path) -> None:
        pytest.importorskip("jax2onnx", reason="jax-onnx needs it: pip install 'nav-jax[onnx]'")
        import onnx

        JaxOnnxExporter().write(live, tmp_path / "m.onnx")
        graph = onnx.load(tmp_path / "m.onnx").graph
        sides = [
            (value.name, [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim])
            for value in (*graph.input, *graph.output)
        ]

        assert [("input__0", ["batch", 3]), ("output__0", ["batch", 2])] == sides


@pytest.mark.parametrize("exporter", [StableHLOExporter(), JaxOnnxExporter()], ids=lambda tool: tool.name)
def test_a_size_that_is_needed_as_a_number_is_a_failure_of_the_route(exporter: Any, tmp_path: Path) -> None:
    if (missing := exporter.unavailable()) is not None:
        pytest.skip(f"{exporter.name}: {missing}")

    def unrolled(x: Any) -> Any:
        import jax.numpy as jnp

        return jnp.stack([x[index] * index for index in range(x.shape[0])])

    signature = Signature(
        (TensorSpec("input__0", "float32", ("batch", 3)),), (TensorSpec("output__0", "float32", ("batch", 3)),), "batch"
    )
    model = model_of(JaxModel(unrolled), np.ones((2, 3), np.float32), signature)
    with pytest.raises(ExportError, match=r"needs a size that varies \(batch\) as a number: .*_DimExpr"):
        exporter.write(model, tmp_path / "m")


def test_a_size_that_was_baked_in_is_named(tmp_path: Path) -> None:
    signature = Signature(
        (TensorSpec("input__0", "float32", ("batch", 3)),), (TensorSpec("output__0", "float32", ("batch",)),), "batch"
    )
    model = model_of(JaxModel(lambda x: jax.numpy.stack([x[0, 0], x[1, 0]])), np.ones((2, 3), np.float32), signature)
    with pytest.raises(ExportError, match="batch was baked in: output__0 is 2"):
        StableHLOExporter().write(model, tmp_path / "m")


def test_inputs_of_64_bits_are_given_in_32_with_a_notice() -> None:
    description = describe(JaxModel(lambda ids: ids * 2), np.ones((2, 3), np.int64), NAMES)

    assert "int32" == description.inputs["input__0"].dtype.name
    assert "input__0 is given in 32" in description.notices[0]


def test_a_function_that_refuses_the_sample_is_told_with_shapes() -> None:
    def refuse(x: Any) -> Any:
        raise TypeError("no such shape")

    description = describe(JaxModel(refuse), np.ones((2, 3), np.float32), NAMES)
    with pytest.raises(
        DataloaderError, match=r"refuse refuses the sample \(input__0: float32\[2, 3\]\).*no such shape"
    ):
        description.infer(description.inputs)


def test_outputs_of_the_reference_are_the_callers(params: Any) -> None:
    description = describe(JaxModel(affine, params), np.ones((2, 3), np.float32), NAMES)
    outputs = description.infer(description.inputs)
    outputs["output__0"][:] = 0  # the memory of an array of JAX cannot be written to


def test_without_a_gpu_the_runners_for_cuda_say_what_is_missing() -> None:
    for name in ("JAXCUDA", "JAXJitCUDA", "JAXExportedCUDA"):
        reason = RUNNERS[name].unavailable()
        if reason is None:
            pytest.skip("JAX has its plugin for CUDA here")
        assert "pip install 'nav-jax[cuda]'" in reason


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (
            lambda x: jax.pure_callback(np.asarray, jax.ShapeDtypeStruct(x.shape, x.dtype), x),
            "primitive 'pure_callback'",
        ),
        (lambda x: jax.numpy.linalg.eigh(x[0].reshape(3, 3))[0][None], "what the function uses: eigh currently"),
    ],
    ids=["unknown", "some forms only"],
)
def test_a_primitive_that_jax2onnx_does_not_know_is_named(function: Any, reason: str, tmp_path: Path) -> None:
    if (missing := JaxOnnxExporter().unavailable()) is not None:
        pytest.skip(f"jax-onnx: {missing}")
    signature = Signature(
        (TensorSpec("input__0", "float32", (1, 9)),), (TensorSpec("output__0", "float32", (1, 3)),), None
    )
    model = model_of(JaxModel(function), np.ones((1, 9), np.float32), signature)
    with pytest.raises(ExportError, match=f"jax2onnx has no operators of ONNX for .*{reason}"):
        JaxOnnxExporter().write(model, tmp_path / "m.onnx")


@pytest.mark.parametrize("platforms", [("cpu", "cuda"), ("cpu",)])
def test_a_file_lists_the_platforms_that_it_was_made_for(
    platforms: tuple[str, ...], live: Model, tmp_path: Path
) -> None:
    StableHLOExporter(platforms=platforms).write(live, tmp_path / "m.jaxexport")
    exported = jax.export.deserialize(bytearray((tmp_path / "m.jaxexport").read_bytes()))

    assert platforms == exported.platforms


def test_the_reference_takes_a_model_apart_once(params: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Any] = []
    pure = JaxModel.pure
    monkeypatch.setattr(JaxModel, "pure", lambda self: taken.append(self) or pure(self))
    description = describe(JaxModel(affine, params), np.ones((2, 3), np.float32), NAMES)
    for _ in range(3):
        description.infer(description.inputs)

    assert 1 == len(taken)


@pytest.mark.parametrize(("opset", "reason"), [(16, "opset=16 was asked for"), (21, None)])
def test_an_opset_that_is_not_written_costs_this_route_and_no_run(opset: int, reason: str | None, live: Model) -> None:
    found = JaxOnnxExporter(opset=opset).unsuited(live)

    assert found is reason or reason in str(found)

"""Torch-TensorRT: what it is told, and why it is left out where it cannot work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nav_torch import run_torchtrt
from nav_torch.convert_torchtrt import TorchTensorRTConverter, profile_ranges, shapes_at
from nav_torch.export_exportedprogram import ExportedProgramExporter
from nav_torch.run_torchtrt import TorchTensorRTRunner, missing_torchtrt
from nav_torch.within import SizeError
from navcore.contracts import Model
from navcore.domain import DeviceKind, Range, Signature, TensorSpec

from .artifacts import reference, written
from .models_with_limits import UNetLike

PLAIN, HALF = TorchTensorRTConverter(), TorchTensorRTConverter(name="torch-trt-fp16", precision="fp16")
SIGNATURE = Signature(
    (TensorSpec("x", "float32", ("batch", 3, "length")), TensorSpec("scale", "float32", (1,))),
    (TensorSpec("y", "float32", ("batch", 3, "length")),),
    "batch",
    (Range("length", 2, 512),),
)
EXAMPLES = tuple({"x": np.ones((2, 3, length), np.float32), "scale": np.ones(1, np.float32)} for length in (10, 20))


def test_engines_are_built_from_the_smallest_size_to_the_longest_example_and_a_batch_limit() -> None:
    assert (Range("batch", 1, 64), Range("length", 2, 20)) == profile_ranges(SIGNATURE, EXAMPLES, 64)


def test_the_program_may_take_less_than_the_batch_limit_and_examples_more() -> None:
    narrow = Signature(SIGNATURE.inputs, SIGNATURE.outputs, "batch", (Range("batch", 1, 63),))
    wide = ({"x": np.ones((100, 3, 10), np.float32), "scale": np.ones(1, np.float32)},)

    assert Range("batch", 1, 63) == profile_ranges(narrow, EXAMPLES, 64)[0]
    assert Range("batch", 1, 100) == profile_ranges(SIGNATURE, wide, 64)[0]


def test_shapes_at_sizes_of_the_dimensions() -> None:
    assert [(1, 3, 2), (1,)] == list(shapes_at(SIGNATURE, {"batch": 1, "length": 2}))


def test_lower_precision_is_asked_for_as_the_installed_version_takes_it() -> None:
    def newer(program: Any, *, enable_autocast: bool = False, **rest: Any) -> None: ...
    def older(program: Any, *, enabled_precisions: Any = None, **rest: Any) -> None: ...

    common = {"disable_tf32": True, "workspace_size": 0}

    assert [common, common] == [PLAIN._settings(function) for function in (newer, older)]
    assert {**common, "enable_autocast": True, "autocast_low_precision_type": torch.float16} == HALF._settings(newer)
    assert {
        **common,
        "enabled_precisions": {torch.float32, torch.float16},
        "use_explicit_typing": False,
    } == HALF._settings(older)


def test_options_are_passed_on() -> None:
    tool = TorchTensorRTConverter(max_workspace_size=1 << 20, custom_args=(("min_block_size", 1),))

    assert {"disable_tf32": True, "workspace_size": 1 << 20, "min_block_size": 1} == tool._settings(len)


@pytest.mark.parametrize("options", [{"precision": "int4"}, {"max_batch_size": 0}, {"max_workspace_size": -1}])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        TorchTensorRTConverter(**options)


def test_without_a_gpu_it_says_so_and_does_not_import_torch_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    code = (
        "import sys; from nav_torch.convert_torchtrt import TorchTensorRTConverter as C\n"
        "sys.modules['torch_tensorrt'] = None  # importing it would raise\n"
        "print(C().unavailable())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.startswith("this PyTorch (") or result.stdout.startswith("PyTorch sees no CUDA GPU")
    assert "; " in result.stdout
    assert result.stdout.strip() == TorchTensorRTRunner().unavailable()


def test_with_a_gpu_the_missing_distribution_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_torchtrt, "missing_device", lambda devices: None)
    monkeypatch.setattr(run_torchtrt.importlib.util, "find_spec", lambda name: None)

    assert "torch_tensorrt is not installed; pip install 'nav-torch[tensorrt]'" == missing_torchtrt()


def test_engines_are_bound_to_the_gpu_and_the_versions() -> None:
    assert ("cuda.device", "tensorrt", "torch") == PLAIN.bound_to


@pytest.mark.gpu
@pytest.mark.skipif(missing_torchtrt() is not None, reason=str(missing_torchtrt()))
@pytest.mark.parametrize(("tool", "close"), [(PLAIN, 1e-4), (HALF, 2e-2)], ids=["fp32", "fp16"])
def test_a_program_with_engines_computes_the_same_and_knows_its_sizes(
    tool: TorchTensorRTConverter, close: float, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    source = model_of(UNetLike().eval(), [torch.rand(2, 3, 8, 8)])
    program = written(ExportedProgramExporter(), source, tmp_path / "program")
    artifact = written(tool, program, tmp_path / "engines")

    assert (Range("batch", 1, 63),) == artifact.signature.ranges
    with TorchTensorRTRunner().open(artifact, DeviceKind.CUDA) as infer:
        for batch in (1, 5, 63):
            feeds = {"input__0": np.random.default_rng(0).random((batch, 3, 8, 8), np.float32)}
            expected = reference(source)(feeds)
            np.testing.assert_allclose(infer(feeds)["output__0"], expected["output__0"], rtol=close, atol=close)
        with pytest.raises(SizeError, match="batch is 64"):
            infer({"input__0": np.ones((64, 3, 8, 8), np.float32)})


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_native_code_for_a_gpu_computes_the_same(tmp_path: Path, model_of: Callable[..., Model]) -> None:
    from nav_torch.convert_aoti import AOTInductorConverter
    from nav_torch.run_aoti import AOTInductorRunner

    module = UNetLike().eval()
    source = model_of(module.to("cuda"), [torch.rand(2, 3, 8, 8, device="cuda")])
    program = written(ExportedProgramExporter(), source, tmp_path / "program")
    artifact = written(AOTInductorConverter(), program, tmp_path / "package")
    feeds = {"input__0": np.random.default_rng(0).random((5, 3, 8, 8), np.float32)}
    with torch.no_grad():
        expected = module(torch.from_numpy(feeds["input__0"]).cuda()).cpu().numpy()
    with AOTInductorRunner(name="x", devices=(DeviceKind.CUDA,)).open(artifact, DeviceKind.CUDA) as infer:
        np.testing.assert_allclose(infer(feeds)["output__0"], expected, rtol=1e-3, atol=1e-3)

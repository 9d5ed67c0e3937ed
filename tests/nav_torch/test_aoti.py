"""AOTInductor: packages that are compiled ahead, and the checks without which their runner would give garbage."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from torch import nn

from nav_torch import device
from nav_torch.convert_aoti import AOTInductorConverter
from nav_torch.export_error import ExportError
from nav_torch.export_exportedprogram import ExportedProgramExporter
from nav_torch.run_aoti import AOTInductorRunner, load_package
from nav_torch.within import SizeError
from navcore.contracts import Infer, Model
from navcore.domain import DeviceKind, Range
from navcore.testing.suites import RunnerSuite

from .artifacts import reference, written
from .conftest import _source

CHECK = "AOTI_RUNTIME_CHECK_INPUTS"
RUNNER = AOTInductorRunner(name="TorchAOTInductorCPU", devices=(DeviceKind.CPU,))

pytestmark = pytest.mark.skipif(
    device.missing_compiler((DeviceKind.CPU,)) is not None, reason="AOTInductor needs a C++ compiler"
)


class Net(nn.Module):
    """Has all that packages get wrong: a range, a height that is silently wrong at 1, a parameter as an output."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Linear(8, 5)

    def forward(self, image: torch.Tensor, unused: torch.Tensor) -> dict[str, torch.Tensor]:
        hidden = self.features(image)
        if hidden.shape[0] >= 64:
            hidden = hidden.contiguous() * 2
        scale = 2 if image.shape[2] == 1 else 3
        return {"score": self.head(hidden.mean((2, 3))) * scale, "bias": self.head.bias, "image": image}


@pytest.fixture(scope="module")
def source() -> Model:
    torch.manual_seed(0)
    samples = [(torch.rand(2, 3, height, 8), torch.rand(2, 2)) for height in (8, 12)]
    return _source(Net().eval(), samples).model


@pytest.fixture(scope="module")
def program(source: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return written(ExportedProgramExporter(), source, tmp_path_factory.mktemp("program") / "a")


@pytest.fixture(scope="module")
def package(program: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return written(AOTInductorConverter(), program, tmp_path_factory.mktemp("package") / "a")


@pytest.fixture(scope="module")
def frozen(program: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    tool = AOTInductorConverter(name="torch-aoti-freezing", freezing=True)
    return written(tool, program, tmp_path_factory.mktemp("frozen") / "a")


@pytest.fixture
def infer(package: Model) -> Iterator[Infer]:
    with RUNNER.open(package, DeviceKind.CPU) as opened:
        yield opened


def feeds(batch: int, height: int, width: int = 8) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        "input__0": generator.random((batch, 3, height, width), np.float32),
        "input__1": generator.random((batch, 2), np.float32),
    }


def code(package: Model) -> str:
    """The C++ in a package."""
    with zipfile.ZipFile(str(package.path)) as archive:
        return "".join(archive.read(name).decode() for name in archive.namelist() if name.endswith(".cpp"))


class TestRunner(RunnerSuite):
    @pytest.fixture
    def tool(self) -> AOTInductorRunner:
        return RUNNER

    @pytest.fixture
    def model(self, package: Model) -> Model:
        return package

    @pytest.fixture
    def expected(self, source: Model) -> list[dict[str, np.ndarray]]:
        return [dict(reference(source)(example)) for example in source.examples]


def test_the_package_is_good_for_what_the_program_is_good_for(program: Model, package: Model, frozen: Model) -> None:
    batch, height = Range("batch", 1, 63), Range("dim_2", 2)

    assert (batch, height) == program.signature.ranges
    for each in (package, frozen):
        assert batch == each.signature.ranges[0]
        assert height.smallest == each.signature.ranges[1].smallest, "the program is wrong at 1"


@pytest.mark.parametrize(("batch", "height"), [(1, 8), (63, 8), (3, 2), (40, 8), (1, 31)])
def test_it_is_right_inside_of_its_ranges(batch: int, height: int, infer: Infer, source: Model) -> None:
    expected, got = reference(source)(feeds(batch, height)), infer(feeds(batch, height))

    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    ("batch", "height", "reason"),
    [(64, 8, "batch is 64, and it is good for batch 1 to 63"), (2, 1, "dim_2 is 1, and it is good for dim_2 ")],
)
def test_sizes_outside_of_its_ranges_are_refused(batch: int, height: int, reason: str, infer: Any) -> None:
    tensors = [torch.from_numpy(array) for array in feeds(batch, height).values()]
    for call in (lambda: infer(feeds(batch, height)), lambda: infer.native(*tensors)):
        with pytest.raises(SizeError) as caught:
            call()

        assert f"inputs are outside of what was compiled: {reason}" in caught.value.cause


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        (feeds(2, 8, width=9), "unmatched dim value at 3, expected: 8, but got: 9"),
        ({**feeds(2, 8), "input__0": np.ones((2, 3, 8), np.float32)}, "ndim|unmatched dim value"),
        ({**feeds(2, 8), "input__0": np.ones((2, 3, 8, 8))}, "unmatched dtype"),
        ({**feeds(2, 8), "input__1": np.ones((2, 5), np.float32)}, "unmatched dim value at 1"),
    ],
    ids=["width", "rank", "dtype", "unused"],
)
def test_the_native_code_refuses_what_it_was_not_compiled_for(
    inputs: dict[str, np.ndarray], reason: str, package: Model
) -> None:
    without_ranges = attrs.evolve(package, signature=attrs.evolve(package.signature, ranges=()))
    with RUNNER.open(without_ranges, DeviceKind.CPU) as infer:
        for _ in range(2):  # also in calls after the first one, which failed
            with pytest.raises(RuntimeError, match=reason):
                infer(inputs)
        infer(feeds(2, 8))
        with pytest.raises(RuntimeError, match=reason):
            infer(inputs)


def test_the_upper_end_is_checked_by_the_native_code_too(package: Model) -> None:
    loaded = load_package(package.path)
    with pytest.raises(RuntimeError, match="dim value is too large at 0, expected to be <= 63, but got: 64"):
        loaded(torch.rand(64, 3, 8, 8), torch.rand(64, 2))


@pytest.mark.parametrize("before", [None, "0"])
def test_the_users_environment_is_left_alone(
    before: str | None, package: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CHECK, raising=False)
    if before is not None:
        monkeypatch.setenv(CHECK, before)
    with RUNNER.open(package, DeviceKind.CPU) as infer:
        assert before == os.environ.get(CHECK)
        infer(feeds(2, 8))
        assert before == os.environ.get(CHECK)
        with pytest.raises(RuntimeError, match="unmatched dim value"):
            infer(feeds(2, 8, width=9))


def test_outputs_that_are_weights_belong_to_the_caller(infer: Infer, source: Model) -> None:
    first = infer(feeds(2, 8))
    first["bias"][...] = 0
    first["image"][...] = 0

    np.testing.assert_array_equal(source.object.head.bias.detach().numpy(), infer(feeds(2, 8))["bias"])


def test_a_package_for_another_device_is_refused(package: Model) -> None:
    with pytest.raises(SizeError, match=r"model\.pt2 was compiled for cpu, not for cuda") as caught:
        load_package(package.path, DeviceKind.CUDA)
    assert "give the model on cuda, so that it is exported and compiled there" == caught.value.fix


def test_freezing_folds_weights_and_lets_onednn_lay_them_out(package: Model, frozen: Model, source: Model) -> None:
    assert ["_frozen_param" in code(each) for each in (package, frozen)] == [False, True]
    assert ["mkldnn__convolution" in code(each) for each in (package, frozen)] == [
        False,
        torch.backends.mkldnn.is_available(),
    ]
    expected = reference(source)(feeds(5, 9))
    with RUNNER.open(frozen, DeviceKind.CPU) as infer:
        np.testing.assert_allclose(infer(feeds(5, 9))["score"], expected["score"], rtol=1e-4, atol=1e-5)


def test_it_is_bound_to_the_processor_and_to_torch() -> None:
    assert ("cpu.instructions", "cpu.machine", "torch") == AOTInductorConverter().bound_to


def test_a_missing_compiler_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert AOTInductorConverter().unavailable() is None

    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "'no-such-compiler' is not on PATH" in str(AOTInductorConverter().unavailable())


def test_settings_of_inductor_are_passed_on(program: Model, tmp_path: Path) -> None:
    tool = AOTInductorConverter(custom_args=(("no_such_setting", 1),))
    with pytest.raises(Exception, match="no_such_setting"):
        tool.write(program, tmp_path / "model.pt2")


class Shortened(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(10, 4, max_norm=0.5)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.words(ids).sum(1)


class Clamped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            self.weight[:2].clamp_(0, 1)
        return x * self.weight


@pytest.mark.parametrize(
    ("module", "sample", "cause", "fix"),
    [
        (Shortened(), torch.arange(6).reshape(2, 3), "'words.weight' (aten.embedding_renorm_", "leave max_norm out"),
        (Clamped(), torch.rand(2, 4), "'weight' (aten.clamp_", "do that to the weights once"),
    ],
)
def test_a_program_that_changes_a_weight_is_refused_before_it_is_compiled(
    module: nn.Module, sample: torch.Tensor, cause: str, fix: str, tmp_path: Path
) -> None:
    program = written(ExportedProgramExporter(), _source(module.eval(), [(sample,)]).model, tmp_path / "program")
    with pytest.raises(ExportError) as caught:
        AOTInductorConverter().write(program, tmp_path / "package")

    assert f"each call of forward changes the weight {cause}" in caught.value.cause
    assert caught.value.fix.startswith(fix)
    assert not (tmp_path / "package").exists()

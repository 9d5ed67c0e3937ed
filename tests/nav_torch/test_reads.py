"""Arrays are given to artifacts without a copy where their graphs write to nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nav_torch import plugin
from nav_torch.convert_aoti import AOTInductorConverter
from nav_torch.export_exportedprogram import ExportedProgramExporter
from nav_torch.export_torchscript import TorchScriptExporter
from nav_torch.reads import program_only_reads, script_only_reads
from navcore.contracts import Model
from navcore.domain import DeviceKind
from tests.nav_torch.artifacts import written


class Halving(nn.Module):
    """Writes to its input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mul_(0.5) + 1


class HalvingAView(nn.Module):
    """Writes to its input, by another tensor."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.view(-1)
        rows[0] = 0.5
        return x + 1


class Branching(nn.Module):
    """Writes in one of two branches."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.sum() > 0, lambda x: x.clone().relu_(), lambda x: x - 1, (x,))


class Plain(nn.Module):
    """Computes with sizes, in a branch and from a table."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))
        return self.table(rows.abs().long() % 4) * (x.shape[0] // 2 + 1)


def exported(module: nn.Module) -> Any:
    rows = torch.export.Dim.AUTO
    return torch.export.export(module.eval(), (torch.ones(4, 3),), dynamic_shapes=({0: rows},))


@pytest.mark.parametrize(
    ("module", "reads"), [(Plain(), True), (Halving(), False), (HalvingAView(), False), (Branching(), False)]
)
def test_programs_that_write_are_told_from_those_that_do_not(module: nn.Module, reads: bool) -> None:
    assert reads is program_only_reads(exported(module))


class Keeping(nn.Module):
    """Keeps its input."""

    def __init__(self) -> None:
        super().__init__()
        self.last = torch.zeros(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.last = x
        return x + 1


@pytest.mark.parametrize(
    ("module", "reads"),
    [
        (torch.jit.trace(nn.Sequential(nn.Linear(3, 2), nn.ReLU()).eval(), torch.ones(4, 3)), True),
        (torch.jit.trace(nn.Sequential(nn.Linear(3, 2), nn.ReLU(inplace=True)).eval(), torch.ones(4, 3)), False),
        (torch.jit.script(Halving()), False),
        (torch.jit.script(HalvingAView()), False),
        (torch.jit.script(Keeping()), False),
    ],
    ids=["plain", "in place", "input", "view", "kept"],
)
def test_scripts_that_write_or_keep_are_told_from_those_that_do_not(module: Any, reads: bool) -> None:
    assert reads is script_only_reads(module)


def artifacts(module: nn.Module, model_of: Callable[..., Model], folder: Path) -> list[Model]:
    """The module as exported program, AOTInductor package and TorchScript."""
    source = model_of(module.eval(), [torch.ones(4, 3), torch.ones(2, 3)])
    program = written(ExportedProgramExporter(), source, folder / "program")
    package = written(AOTInductorConverter(), program, folder / "package")
    return [program, package, written(TorchScriptExporter(name="trace", jit_type="trace"), source, folder / "script")]


def runners(model: Model) -> list[Any]:
    return [
        runner
        for runner in plugin.nav_runners()
        if runner.accepts == model.format and DeviceKind.CPU in runner.devices and runner.precision is None
    ]


@pytest.mark.parametrize(("module", "reads"), [(nn.Linear(3, 2), True), (Halving(), False)], ids=["reads", "writes"])
def test_the_users_arrays_are_left_alone_and_copied_only_where_they_must_be(
    module: nn.Module, reads: bool, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    found = 0
    for artifact in artifacts(module, model_of, tmp_path):
        for runner in runners(artifact):
            with runner.open(artifact, DeviceKind.CPU) as infer:
                inner = getattr(infer, "infer", infer)
                given = np.full((4, 3), 2, np.float32)
                (name,) = artifact.signature.input_names
                expected = infer({name: given.copy()})
                for _ in range(2):
                    got = infer({name: given})
                    np.testing.assert_array_equal(got["output__0"], expected["output__0"])

            assert (given == 2).all(), runner.name
            assert reads is inner.only_reads, runner.name
            found += 1
    assert 4 == found


@pytest.mark.filterwarnings("error:The given NumPy array is not writable")
@pytest.mark.parametrize(
    "awkward",
    [
        lambda array: array[::-1].copy()[::-1],
        lambda array: np.asfortranarray(array),
        lambda array: np.frombuffer(b"\0" + array.tobytes(), np.float32, offset=1).reshape(array.shape),
        lambda array: np.frombuffer(array.tobytes(), np.float32).reshape(array.shape),
    ],
    ids=["backwards", "by columns", "unaligned", "not writable"],
)
def test_arrays_that_torch_cannot_take_as_they_are_are_copied(
    awkward: Callable[[Any], Any], model_of: Callable[..., Model], tmp_path: Path
) -> None:
    program = written(ExportedProgramExporter(), model_of(nn.Linear(3, 2).eval(), [torch.ones(4, 3)]), tmp_path / "p")
    array = np.arange(12, dtype=np.float32).reshape(4, 3)
    (name,) = program.signature.input_names
    (runner,) = runners(program)
    with runner.open(program, DeviceKind.CPU) as infer:
        np.testing.assert_allclose(
            infer({name: awkward(array)})["output__0"], infer({name: array})["output__0"], rtol=1e-5
        )


def test_an_output_that_is_an_input_shares_no_memory_with_it(model_of: Callable[..., Model], tmp_path: Path) -> None:
    class Passing(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x.view(-1), x + 1

    given = np.ones((64, 64), np.float32)
    for artifact in artifacts(Passing(), lambda module, _: model_of(module, [torch.ones(64, 64)]), tmp_path):
        for runner in runners(artifact):
            with runner.open(artifact, DeviceKind.CPU) as infer:
                outputs = infer(dict.fromkeys(artifact.signature.input_names, given))

            assert not np.shares_memory(outputs["output__0"], given), runner.name

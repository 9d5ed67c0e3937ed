"""Tensors of torch go into runners, and into sessions, and come out of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import navcore as nav
from nav_torch import plugin
from nav_torch.convert_aoti import AOTInductorConverter
from nav_torch.export_exportedprogram import ExportedProgramExporter
from nav_torch.export_torchscript import TorchScriptExporter
from navcore.contracts import Model
from navcore.domain import DeviceKind, Status
from navcore.errors import UsageError
from tests.nav_torch.artifacts import written


class Noisy(nn.Module):
    """Draws random numbers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.rand_like(x)


@pytest.fixture(scope="module")
def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.ReLU()).eval()


def openings(source: Model, folder: Path) -> list[tuple[Any, Model]]:
    """Every runner for the CPU of the model's precision, with what it opens."""
    program = written(ExportedProgramExporter(), source, folder / "program")
    package = written(AOTInductorConverter(), program, folder / "package")
    script = written(TorchScriptExporter(name="trace", jit_type="trace"), source, folder / "script")
    found = [
        (runner, model)
        for model in (source, program, package, script)
        for runner in plugin.nav_runners()
        if runner.accepts == model.format
        and DeviceKind.CPU in runner.devices
        and runner.precision is None
        and not runner.unavailable()
        and not runner.unsuited(model)
    ]
    assert {
        "TorchCPU",
        "TorchCompileCPU",
        "TorchExportedProgramCPU",
        "TorchAOTInductorCPU",
        "TorchScriptCPU-frozen",
    } <= {runner.name for runner, _ in found}
    return found


def test_every_runner_gives_for_tensors_what_it_gives_for_arrays(
    linear: nn.Module, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    source = model_of(linear, [torch.ones(4, 3), torch.ones(2, 3)])
    given = torch.arange(15.0).reshape(5, 3).requires_grad_()
    state = torch.get_rng_state()
    for runner, model in openings(source, tmp_path):
        with runner.open(model, DeviceKind.CPU) as infer:
            (name,), (output,) = model.signature.input_names, model.signature.output_names
            for _ in range(2):
                outputs = infer.native(given)
                assert [output] == list(outputs), runner.name
                assert isinstance(outputs[output], torch.Tensor), runner.name
                assert not outputs[output].requires_grad, runner.name
            expected = torch.from_numpy(infer({name: given.detach().numpy()})[output])

        torch.testing.assert_close(outputs[output], expected)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.is_grad_enabled()


def test_a_module_that_draws_goes_on_with_its_own_numbers(model_of: Callable[..., Model]) -> None:
    model = model_of(Noisy(), [torch.ones(4, 3)])
    (runner,) = [each for each in plugin.nav_runners() if each.name == "TorchCPU"]
    state = torch.get_rng_state()
    with runner.open(model, DeviceKind.CPU) as infer:
        first, second = (infer.native(torch.zeros(4, 3))["output__0"] for _ in range(2))

    assert not torch.equal(first, second)
    assert torch.equal(state, torch.get_rng_state())


@pytest.fixture(scope="module")
def package(linear: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> nav.Package:
    found: nav.Package = nav.torch.optimize(
        linear,
        [torch.rand(2, 3), torch.rand(4, 3)],
        workspace=tmp_path_factory.mktemp("native") / "workspace",
        target_device="cpu",
        runners=["TorchCPU", "TorchScriptCPU"],
        optimization_profile=nav.OptimizationProfile(batch_sizes=[1], min_trials=1, max_trials=1),
        quiet=True,
    )
    return found


def session_on(package: nav.Package, runner: str) -> Any:
    trial = next(each for each in package.status.trials if each.runner == runner and each.status is Status.OK)
    return package.get_runner(strategy=nav.SelectedRuntimeStrategy(trial.route, runner))


@pytest.mark.parametrize("runner", ["TorchCPU", "TorchScriptCPU"])
def test_a_session_takes_and_gives_tensors_that_share_memory_with_nothing_else(
    runner: str, package: nav.Package, linear: nn.Module
) -> None:
    given = torch.rand(3, 3)
    with session_on(package, runner) as session, torch.no_grad():
        for _ in range(2):
            outputs = session.native({"input__0": given})
            torch.testing.assert_close(outputs, {"output__0": linear(given)})


def test_the_users_own_tensors_go_in(model_of: Callable[..., Model], tmp_path: Path) -> None:
    package = nav.torch.optimize(
        nn.Flatten(),
        [torch.rand(2, 3)],
        workspace=tmp_path / "workspace",
        target_device="cpu",
        runners=["TorchCPU"],
        optimization_profile=nav.OptimizationProfile(batch_sizes=[1], min_trials=1, max_trials=1),
        quiet=True,
    )
    given = torch.rand(2, 3)
    with package.get_runner() as session:
        assert session.native({"input__0": given})["output__0"].data_ptr() == given.data_ptr()


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({"input_0": torch.rand(2, 3)}, "rename 'input_0' to 'input__0'"),
        (torch.rand(2, 3), r"given as a Tensor\n.*give a dict by name"),
        ({"input__0": torch.rand(2, 3).double()}, "was given float64\n  fix: cast it to float32"),
        ({"input__0": torch.rand(2, 4)}, r"was given shape \[2, 4\]"),
        ({"input__0": torch.rand(2)}, r"was given shape \[2\]"),
        ({"input__0": [1.0, 2.0, 3.0]}, "was given a list\n  fix: give a tensor"),
        ({"input__0": torch.rand(2, 3).numpy()}, r"given a ndarray, [^\n]*\n.*call infer\(\) with arrays"),
        (
            {"input__0": torch.rand(2, 3, device="meta")},
            r"is on meta, and the model runs on cpu\n  fix: give input__0\.to",
        ),
    ],
    ids=["name", "no mapping", "dtype", "size", "axes", "list", "array", "device"],
)
def test_tensors_that_do_not_fit_are_refused_with_the_fix(feeds: Any, message: str, package: nav.Package) -> None:
    with session_on(package, "TorchCPU") as session:
        session.native({"input__0": torch.rand(2, 3)})
        with pytest.raises(UsageError, match=message):
            session.native(feeds)
    with pytest.raises(UsageError, match="is not active"):
        session.native({"input__0": torch.rand(2, 3)})

"""The short scenarios that users of torch models know: each route that they expect exists, and works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import navcore as nav
from navcore.domain import FailureKind, Status

from .conftest import QUICK

torch = pytest.importorskip("torch", reason="the scenarios are of torch modules")
pytest.importorskip("onnx", reason="the scenarios hold ONNX files")
pytest.importorskip("onnxruntime", reason="the scenarios are run on ONNX Runtime")
nn = torch.nn

FOUR = ["TorchCPU", "TorchScriptCPU", "TorchExportedProgramCPU", "OnnxCPU"]
EXPECTED = {
    "torch on TorchCPU",
    "torchscript-trace on TorchScriptCPU",
    "torchscript-script on TorchScriptCPU",
    "torch-exportedprogram on TorchExportedProgramCPU",
    "onnx on OnnxCPU",
}


class Identity(nn.Module):
    def forward(self, x):
        return x


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))

    def forward(self, x):
        return self.body(x)


def rows(size: int) -> Any:
    return torch.rand(size, 8, generator=torch.Generator().manual_seed(size))


def run(tmp_path: Path, model: Any, samples: list[Any], **options: Any) -> nav.Package:
    given = {"optimization_profile": QUICK, "runners": FOUR, "target_device": "cpu", "quiet": True, "cache": False}
    # In one process: what workers add is tested elsewhere, and takes seconds each.
    return nav.torch.optimize(model.eval(), samples, workspace=tmp_path / "w", isolate=False, **given | options)


def working(package: nav.Package) -> set[str]:
    """Routes and runners that agree and were measured."""
    trials = package.status.trials
    return {f"{trial.route} on {trial.runner}" for trial in trials if trial.status is Status.OK and trial.measurements}


def reason(package: nav.Package, route: str) -> str:
    """Why a route was not built."""
    (failure,) = (build.failure for build in package.status.builds if build.route == route)
    assert failure is not None
    return f"{failure.kind}: {failure.reason}"


def answers(package: nav.Package, subject: str, feeds: dict[str, Any]) -> dict[str, np.ndarray]:
    """What a session with one of the routes gives."""
    strategy = nav.SelectedRuntimeStrategy(*subject.split(" on "))
    with package.get_runner(strategy=strategy) as session:
        return session.infer({name: np.asarray(value) for name, value in feeds.items()})


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The saved package of a model that does nothing."""
    folder = tmp_path_factory.mktemp("identity")
    package = run(folder, Identity(), [rows(2)])

    assert working(package) == EXPECTED
    return nav.package.save(package, folder / "identity.nav")


def test_an_identity_is_optimised_saved_loaded_and_run(identity: Path) -> None:
    package = nav.package.load(identity, trust="code")

    assert EXPECTED == working(package)
    for subject in EXPECTED - {"torch on TorchCPU"}:  # the live model is not in the file
        np.testing.assert_array_equal(answers(package, subject, {"input__0": rows(5)})["output__0"], rows(5))


def test_a_loaded_identity_is_optimised_again_with_its_source(identity: Path, tmp_path: Path) -> None:
    package = nav.package.load(identity, trust="code")
    package.load_source_model(Identity().eval())
    again = nav.package.optimize(
        package, workspace=tmp_path / "again", runners=["TorchCPU", "TorchScriptCPU"], isolate=False, quiet=True
    )

    assert {subject for subject in EXPECTED if "torch on" in subject or "script" in subject} == working(again)


@pytest.mark.parametrize("dataloader", [None, [rows(3).numpy()]], ids=["own samples", "dataloader"])
def test_a_loaded_identity_is_profiled(identity: Path, dataloader: Any) -> None:
    package = nav.package.load(identity, trust="code")
    results = nav.package.profile(
        package, dataloader, runners=FOUR[1:], batch_sizes=(1, 3), window_size=2, max_trials=3, isolate=False
    )
    measured = {f"{each.route} on {each.runner}": each for each in results.runtimes if each.status is Status.OK}

    assert EXPECTED - {"torch on TorchCPU"} == set(measured)
    for runtime in measured.values():
        assert {1, 3} == {found.batch_size for sample in runtime.samples for found in sample.measurements}


def test_an_empty_package_is_loaded_and_optimised_into_a_full_one(tmp_path: Path) -> None:
    options: dict[str, Any] = {"runners": ["TorchCPU", "TorchScriptCPU"], "target_formats": ["torchscript"]}
    empty = run(tmp_path, Identity(), [rows(2)], verify_func=lambda got, expected: False, **options)
    package = nav.package.load(nav.package.save(empty, tmp_path / "empty.nav"), trust="code")
    assert empty.is_empty()
    assert package.is_empty()

    package.load_source_model(Identity().eval())
    again = nav.package.optimize(
        package, workspace=tmp_path / "again", runners=["TorchCPU", "TorchScriptCPU"], isolate=False, quiet=True
    )

    assert not again.is_empty()


def test_autocast_is_a_runner_more_where_it_is_asked_for(tmp_path: Path) -> None:
    lowered = ["TorchCPU-autocast-bf16", "TorchScriptCPU-autocast-bf16"]
    package = run(
        tmp_path,
        Mlp(),
        [rows(2)],
        runners=["TorchCPU", "TorchScriptCPU", *lowered],
        custom_configs=[
            nav.TorchConfig(autocast=True, autocast_dtype=nav.AutocastType.BF16),
            nav.TorchScriptConfig(autocast=True, autocast_dtype=nav.AutocastType.BF16, jit_type=nav.JitType.TRACE),
        ],
    )
    refused = {omission.subject: omission.reason for omission in package.status.omissions}

    assert {"torch on TorchCPU", "torchscript-trace on TorchScriptCPU"} <= working(package)
    runners = {subject.partition(" on ")[2] for subject in working(package)}
    assert set(lowered) == runners & set(lowered) | {name for name in lowered if "bf16" in refused.get(name, "")}


class Recurrent(nn.Module):
    """Whose loop over the second axis torch.export unrolls."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.LSTM(8, 4, batch_first=True)

    def forward(self, x):
        return self.layer(x)[0]


def test_where_one_exporter_fails_the_next_stands_in(tmp_path: Path) -> None:
    samples = [torch.rand(2, length, 8) for length in (2, 4)]
    package = run(tmp_path, Recurrent(), samples, runners=["TorchCPU", "OnnxCPU"], target_formats=["onnx"])
    feeds = {"input__0": torch.rand(3, 5, 8)}

    assert {"torch on TorchCPU", "onnx-trace on OnnxCPU"} == working(package)
    assert "dim_1" in reason(package, "onnx")
    for name, array in answers(package, "torch on TorchCPU", feeds).items():
        np.testing.assert_allclose(answers(package, "onnx-trace on OnnxCPU", feeds)[name], array, atol=1e-5)


def test_where_the_first_exporter_works_the_next_is_not_needed(identity: Path) -> None:
    told = reason(nav.package.load(identity), "onnx-trace")

    assert f"{FailureKind.NOT_NEEDED}: onnx was built, so what gives onnx in its place is not needed" == told


def test_further_arguments_reach_the_exporters(tmp_path: Path) -> None:
    package = run(
        tmp_path,
        Mlp(),
        [rows(2)],
        custom_configs=[
            nav.TorchScriptConfig(jit_type=nav.JitType.TRACE, custom_args={"check_trace": True}),
            nav.OnnxConfig(opset=20, custom_args={"optimize": False}),
            nav.TorchExportConfig(custom_args={"unheard_of": 1}),
        ],
    )

    assert {"torch on TorchCPU", "torchscript-trace on TorchScriptCPU", "onnx on OnnxCPU"} == working(package)
    assert "unheard_of" in reason(package, "torch-exportedprogram")


def test_a_list_of_batch_sizes_is_what_is_measured(tmp_path: Path) -> None:
    profile = nav.OptimizationProfile(batch_sizes=[1, 3, 8], window_size=2, max_trials=3)
    runners = ["TorchCPU", "TorchScriptCPU"]
    package = run(tmp_path, Identity(), [rows(2)], optimization_profile=profile, runners=runners)

    assert 3 == len(working(package))
    assert {(1, 3, 8)} == {
        tuple(found.batch_size for found in trial.measurements)
        for trial in package.status.trials
        if trial.status is Status.OK
    }


def test_no_batch_is_larger_than_the_largest(tmp_path: Path) -> None:
    seen: list[int] = []

    class Watched(Identity):
        def forward(self, x):
            seen.append(len(x))
            return x

    profile = nav.OptimizationProfile(max_batch_size=4, window_size=2, max_trials=3)
    package = run(tmp_path, Watched(), [rows(2)], optimization_profile=profile, runners=["TorchCPU"])
    (trial,) = package.status.trials

    assert 4 == max(seen)
    assert {found.batch_size for found in trial.measurements} <= {1, 2, 4}


class PairAndFlag(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = Mlp()

    def forward(self, pair: tuple[torch.Tensor, torch.Tensor], flag: bool):
        left, right = pair
        return self.body(left + right) if flag else self.body(left - right)


@pytest.mark.parametrize("flag", [True, False])
def test_a_tuple_and_a_flag_are_taken(tmp_path: Path, flag: bool) -> None:
    runners = FOUR if flag else ["TorchCPU", "TorchScriptCPU"]
    package = run(tmp_path, PairAndFlag(), [((rows(2), rows(2) * 2), flag)], runners=runners)
    with torch.no_grad():
        expected = PairAndFlag()((rows(3), rows(3) * 3), flag)

    wanted = {subject for subject in EXPECTED if subject.partition(" on ")[2] in runners}
    assert wanted == working(package)
    assert ("input__0", "input__1") == package.status.signature.input_names
    for subject in wanted:
        got = answers(package, subject, {"input__0": rows(3), "input__1": rows(3) * 3})
        np.testing.assert_allclose(got["output__0"], expected, atol=1e-5)


def test_extended_conversion_makes_onnx_of_what_was_exported_too(tmp_path: Path) -> None:
    package = run(
        tmp_path,
        Mlp(),
        [rows(2)],
        runners=["TorchCPU", "OnnxCPU"],
        custom_configs=[nav.OnnxConfig(onnx_extended_conversion=True)],
    )
    with torch.no_grad():
        expected = Mlp()(rows(3))

    longer = {
        "torchscript-trace/onnx on OnnxCPU",
        "torchscript-script/onnx on OnnxCPU",
        "torch-exportedprogram/onnx on OnnxCPU",
    }
    assert {"torch on TorchCPU", "onnx on OnnxCPU"} | longer == working(package)
    for subject in longer:
        np.testing.assert_allclose(answers(package, subject, {"input__0": rows(3)})["output__0"], expected, atol=1e-5)


def test_a_dataloader_of_the_profile_is_what_is_timed(tmp_path: Path) -> None:
    lengths: list[int] = []

    class Watched(nn.Module):
        def forward(self, x):
            lengths.append(x.shape[1])
            return x + 1

    samples = [torch.rand(2, length) for length in (4, 8)]
    profile = nav.OptimizationProfile(max_batch_size=2, window_size=2, max_trials=3, dataloader=[torch.rand(2, 50)])
    package = run(tmp_path, Watched(), samples, optimization_profile=profile, runners=["TorchCPU"])

    assert {"torch on TorchCPU"} == working(package)
    assert 50 == lengths[-1]
    (trial,) = package.status.trials
    assert sum(found.calls for found in trial.measurements) <= lengths.count(50)


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = Mlp()

    def forward(self, x, unused):
        return self.body(x)


def test_an_input_that_is_not_used_stays_an_input(tmp_path: Path) -> None:
    package = run(tmp_path, Unused(), [(rows(2), rows(2))])
    with torch.no_grad():
        expected = Mlp()(rows(3))

    assert EXPECTED == working(package)
    for subject in EXPECTED:
        got = answers(package, subject, {"input__0": rows(3), "input__1": rows(3)})
        np.testing.assert_allclose(got["output__0"], expected, atol=1e-5)


class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = Mlp()
        self.register_buffer("n", torch.zeros(1))

    def forward(self, x):
        self.n += 1
        return self.body(x) * self.n


def test_a_model_that_changes_itself_runs_as_it_is_and_is_not_exported(tmp_path: Path) -> None:
    module = Counter()
    lowered = "TorchCPU-autocast-bf16"  # on the same module, which is left as it was between their turns
    package = run(tmp_path, module, [rows(2), rows(3)], runners=[*FOUR, lowered], precision="bf16")
    with package.get_runner(strategy=nav.SelectedRuntimeStrategy("torch", "TorchCPU")) as session:
        first, second = (session.infer({"input__0": rows(2).numpy()})["output__0"] for _ in range(2))

    left_out = {omission.subject for omission in package.status.omissions}
    assert {"torch on TorchCPU"} | {f"torch on {name}" for name in {lowered} - left_out} == working(package)
    assert "changes the buffer 'n'" in package.status.notices[0]
    for exported in ("torchscript-trace", "torchscript-script", "torch-exportedprogram", "onnx", "onnx-trace"):
        assert "changes the buffer 'n'" in reason(package, exported)
    np.testing.assert_allclose(second, first * 2)
    assert [0.0] == module.n.tolist()

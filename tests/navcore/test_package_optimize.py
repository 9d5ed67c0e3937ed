"""nav.package.optimize: from the models and samples in a package, without the source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import navcore as nav
from navcore.domain import Status
from navcore.errors import DataloaderError, NoRuntimeError, UsageError, WorkspaceError
from navcore.testing.toys import ToyConverter, ToyExporter, ToyModel, ToyRunner, toy_samples

from .package_toys import (
    BOUND,
    CODE,
    CONVERT,
    EXPORT,
    JSON,
    LIVE,
    NPZ,
    PLAIN,
    QUICK,
    TO_BOUND,
    TOY_CODE,
    machine,
    optimized,
    repeated,
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A package of a live toy, as a file."""
    return nav.package.save(optimized(tmp_path / "there", machine(*PLAIN)), tmp_path / "model.nav")


def outcomes(package: nav.Package) -> dict[str, Status]:
    return {f"{trial.route} on {trial.runner}": trial.status for trial in package.status.trials}


def reason(package: nav.Package, subject: str) -> str:
    return next(omission.reason for omission in package.status.omissions if omission.subject == subject)


def test_without_the_exporter_and_the_source_all_else_is_built_and_tried_again(saved: Path, tmp_path: Path) -> None:
    other = ToyConverter(name="toy-again")
    package = nav.package.load(saved, registry=machine(CONVERT, other, NPZ, JSON))
    again = repeated(package, tmp_path / "here")

    assert {
        "toy-npz on ToyNpz": Status.OK,
        "toy-npz/toy-json on ToyJson": Status.OK,
        "toy-npz/toy-again on ToyJson": Status.OK,
    } == outcomes(again)
    assert package.status.samples == again.status.samples
    assert "the package does not hold the source" == reason(again, "toy-live")
    given = next(build for build in again.status.builds if build.route == "toy-npz")
    assert "toy-npz" == given.tool
    with again.get_runner() as runner:
        np.testing.assert_array_equal(
            ToyModel()(np.ones((2, 3), np.float32)), runner.infer({"x": np.ones((2, 3), np.float32)})["y"]
        )


def test_a_candidate_is_compared_with_the_stored_outputs(saved: Path, tmp_path: Path) -> None:
    package = nav.package.load(saved, registry=machine(CONVERT, NPZ, ToyRunner(name="ToyWrong", fault="wrong")))
    again = repeated(package, tmp_path / "here")

    assert {"toy-npz on ToyNpz": Status.OK, "toy-npz on ToyWrong": Status.FAILED} == outcomes(again)


def test_conversions_run_in_workers_as_in_any_run(saved: Path, tmp_path: Path) -> None:
    package = nav.package.load(saved, registry=machine(ToyConverter(fault="crashes"), NPZ, JSON))
    again = repeated(package, tmp_path / "here", isolate=True)

    assert {"toy-npz on ToyNpz": Status.OK, "toy-npz/toy-json on ToyJson": Status.SKIPPED} == outcomes(again)


def test_the_source_takes_part_again_once_it_is_loaded(saved: Path, tmp_path: Path) -> None:
    package = nav.package.load(saved, registry=machine(*PLAIN))
    package.load_source_model(ToyModel())
    again = repeated(package, tmp_path / "here")

    assert Status.OK is outcomes(again)["toy-live on ToyLive"]
    fast = next(trial for trial in again.status.trials if trial.runner == "ToyJson")
    assert fast.measurements[0].ratio is not None


def test_a_package_that_still_has_its_source_does_not_export_it_again(tmp_path: Path) -> None:
    package = optimized(tmp_path / "w", machine(*PLAIN))
    broken = machine(ToyExporter(fault="raises"), *PLAIN[1:])
    again = repeated(package, tmp_path / "here", registry=broken)

    assert {
        "toy-live on ToyLive": Status.OK,
        "toy-npz on ToyNpz": Status.OK,
        "toy-npz/toy-json on ToyJson": Status.OK,
    } == outcomes(again)
    assert broken.edges == again.registry.edges
    assert again.status == nav.package.load_from_workspace(tmp_path / "here", registry=broken).status


def test_an_export_that_the_package_lacks_is_made_where_the_source_is(tmp_path: Path) -> None:
    package = optimized(tmp_path / "w", machine(*PLAIN))
    another = ToyExporter(name="toy-other")
    registry = machine(*PLAIN, another)
    alone = nav.package.load_from_workspace(tmp_path / "w", registry=registry)

    assert "toy-other on ToyNpz" in outcomes(repeated(package, tmp_path / "with", registry=registry))
    assert "toy-other on ToyNpz" not in outcomes(repeated(alone, tmp_path / "without"))


def test_what_was_converted_from_the_same_files_comes_from_the_cache(saved: Path, tmp_path: Path) -> None:
    package = nav.package.load(saved, registry=machine(CONVERT, NPZ, JSON))
    repeated(package, tmp_path / "first")
    again = repeated(package, tmp_path / "second")

    assert {"toy-npz": False, "toy-npz/toy-json": True} == {build.route: build.cached for build in again.status.builds}


def test_a_run_from_a_package_is_resumed_wherever_that_was_unpacked(saved: Path, tmp_path: Path) -> None:
    package = nav.package.load(saved, registry=machine(CONVERT, NPZ, JSON))
    first = repeated(package, tmp_path / "here")
    once_more = nav.package.load(saved, registry=machine(CONVERT, NPZ, JSON))
    again = repeated(once_more, tmp_path / "here", resume=True)

    assert first.status.trials == again.status.trials
    assert len(list(again.samples())) == len(again.status.samples)


@pytest.mark.parametrize("inner", ["", "deeper"])
def test_the_workspace_that_it_reads_from_is_refused(tmp_path: Path, inner: str) -> None:
    package = optimized(tmp_path / "w", machine(*PLAIN))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(WorkspaceError, match="which a run in the workspace") as caught:
        repeated(package, tmp_path / "w" / inner)

    assert "pass workspace=<another folder>" == caught.value.fix
    assert before == sorted(tmp_path.rglob("*"))


def test_a_package_that_was_saved_without_samples_cannot_be_optimised(tmp_path: Path) -> None:
    file = nav.package.save(optimized(tmp_path / "w", machine(*PLAIN)), tmp_path / "m.nav", save_data=False)
    package = nav.package.load(file, registry=machine(*PLAIN))

    with pytest.raises(UsageError, match="the package was saved without samples"):
        repeated(package, tmp_path / "here")


def test_an_export_that_can_run_code_is_left_out_unless_it_is_trusted(tmp_path: Path) -> None:
    tools = (EXPORT, ToyExporter(name="toy-code", target=TOY_CODE), LIVE, NPZ, CODE)
    file = nav.package.save(optimized(tmp_path / "w", machine(*tools)), tmp_path / "m.nav")
    wary = repeated(nav.package.load(file, registry=machine(NPZ, CODE)), tmp_path / "wary")
    trusting = repeated(nav.package.load(file, trust="code", registry=machine(NPZ, CODE)), tmp_path / "trusting")

    assert {"toy-npz on ToyNpz": Status.OK} == outcomes(wary)
    assert "opening toy-code can run code, and this package was not made here" == reason(wary, "toy-code")
    assert {"toy-npz on ToyNpz": Status.OK, "toy-code on ToyCode": Status.OK} == outcomes(trusting)


def test_the_model_file_of_a_package_is_the_source(tmp_path: Path) -> None:
    ToyModel().save(tmp_path / "net.npz")
    package = optimized(tmp_path / "w", machine(CONVERT, NPZ, JSON), model=str(tmp_path / "net.npz"))
    file = nav.package.save(package, tmp_path / "m.nav")
    loaded = nav.package.load(file, registry=machine(CONVERT, NPZ, JSON))
    again = repeated(loaded, tmp_path / "here")

    assert {"toy-npz on ToyNpz": Status.OK, "toy-npz/toy-json on ToyJson": Status.OK} == outcomes(again)
    assert tmp_path / "here/artifacts/source/net.npz" == again.model.path
    del loaded
    assert nav.package.save(again, tmp_path / "again.nav").exists()


def test_options_of_the_first_run_hold_unless_others_are_given(saved: Path, tmp_path: Path) -> None:
    package = nav.package.load(saved, registry=machine(CONVERT, NPZ, JSON))
    again = repeated(package, tmp_path / "here", target_formats=("toy-npz",), seed=7)

    assert QUICK == again.status.request.profile
    assert 7 == again.status.request.seed
    assert {"toy-npz on ToyNpz": Status.OK} == outcomes(again)


def test_the_profiles_own_sample_is_taken_by_name_or_in_order(saved: Path, tmp_path: Path) -> None:
    package = nav.package.load(saved, registry=machine(CONVERT, NPZ, JSON))
    profile = nav.OptimizationProfile(batch_sizes=(2,), window_size=1, dataloader=[toy_samples(1)[0]])
    again = repeated(package, tmp_path / "here", optimization_profile=profile)
    wrong = nav.OptimizationProfile(batch_sizes=(2,), dataloader=[np.zeros((2, 3))])

    assert Status.OK is outcomes(again)["toy-npz on ToyNpz"]
    with pytest.raises(DataloaderError, match="sample 0 is float64 for x: float32"):
        repeated(package, tmp_path / "there2", optimization_profile=wrong)


def test_what_another_machine_is_bound_to_is_built_anew(tmp_path: Path) -> None:
    tools = (EXPORT, TO_BOUND, LIVE, NPZ, BOUND)
    file = nav.package.save(optimized(tmp_path / "w", machine(*tools, gpu="A")), tmp_path / "m.nav")
    package = nav.package.load(file, registry=machine(*tools[1:], gpu="B"))
    again = repeated(package, tmp_path / "here")

    with pytest.raises(NoRuntimeError, match=r"built for toy\.gpu 'A', and here that is 'B'"):
        package.get_runner(strategy=nav.SelectedRuntimeStrategy("toy-npz/toy-bound", "ToyBound"))
    bound = next(build for build in again.status.builds if build.route == "toy-npz/toy-bound").artifact
    assert bound is not None
    assert (("toy.gpu", "B"),) == bound.built_for
    assert again.get_runner(strategy=nav.SelectedRuntimeStrategy("toy-npz/toy-bound", "ToyBound")).name

"""nav.package.save: what goes into the file, and what is refused."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

import navcore as nav
from navcore.domain import Status
from navcore.errors import PackageFileError, UnknownNameError, UsageError, WorkspaceError
from navcore.testing.toys import ToyConverter, ToyModel, ToyRunner

from .package_toys import CONVERT, EXPORT, JSON, LIVE, NPZ, PLAIN, TO_CODE, TOY_CODE, machine, optimized

SLOW_CODE = ToyRunner(name="ToyCode", accepts=TOY_CODE, repeat=3000)


def members(file: Path) -> list[str]:
    with zipfile.ZipFile(file) as archive:
        return sorted(archive.namelist())


def beside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_exports_and_winners_with_their_routes_are_saved_and_other_artifacts_are_not(tmp_path: Path) -> None:
    package = optimized(tmp_path / "w", machine(EXPORT, CONVERT, TO_CODE, LIVE, NPZ, JSON, SLOW_CODE))
    names = members(nav.package.save(package, tmp_path / "m.nav"))

    assert ["artifacts/toy-npz+toy-json/model.json", "artifacts/toy-npz/model.npz"] == [
        name for name in names if name.startswith("artifacts/")
    ]
    assert "package.json" in names
    assert "logs/build-toy-npz+toy-json.log" in names
    assert "reproduce/build-toy-npz+toy-json.py" in names
    assert [f"samples/{side}/{sample}-0.npy" for side in ("inputs", "outputs") for sample in range(5)] == [
        name for name in names if name.startswith("samples/")
    ]


def test_what_was_left_out_is_listed_and_can_be_made_again(tmp_path: Path) -> None:
    package = optimized(tmp_path / "w", machine(EXPORT, CONVERT, TO_CODE, LIVE, NPZ, JSON, SLOW_CODE))
    loaded = nav.package.load(nav.package.save(package, tmp_path / "m.nav"), registry=package.registry)

    (left_out,) = loaded.unusable
    assert ("toy-npz/toy-code", "it was left out when the package was saved") == (left_out.subject, left_out.reason)
    assert "nav.package.optimize(package)" == left_out.fix
    with pytest.raises(UsageError, match="toy-npz/toy-code was left out when the package was saved"):
        loaded.get_model_path("toy-npz/toy-code")


def test_samples_stay_behind_where_they_are_not_wanted(tmp_path: Path) -> None:
    package = optimized(tmp_path / "w", machine(*PLAIN))
    file = nav.package.save(package, tmp_path / "m.nav", save_data=False)
    loaded = nav.package.load(file, registry=package.registry)

    assert [] == [name for name in members(file) if name.startswith("samples/")]
    with loaded.get_runner(include_source=False) as runner:
        assert "toy-npz/toy-json on ToyJson" == runner.name
    assert members(file) == members(nav.package.save(loaded, tmp_path / "again.nav"))


def test_a_file_that_exists_is_replaced_only_on_demand(tmp_path: Path) -> None:
    package = optimized(tmp_path / "w", machine(*PLAIN))
    target = tmp_path / "m.nav"
    target.write_text("mine")
    with pytest.raises(PackageFileError, match="exists") as caught:
        nav.package.save(package, target)

    assert "mine" == target.read_text()
    assert "override=True" in caught.value.fix
    assert target == nav.package.save(package, target, override=True)
    assert "package.json" in members(target)


def test_a_folder_is_no_place_for_a_package(tmp_path: Path) -> None:
    package = optimized(tmp_path / "w", machine(*PLAIN))

    with pytest.raises(PackageFileError, match="is a folder"):
        nav.package.save(package, tmp_path, override=True)


@pytest.mark.parametrize("change", ["content", "gone"])
def test_an_artifact_that_has_changed_since_is_not_saved(tmp_path: Path, change: str) -> None:
    package = optimized(tmp_path / "w", machine(*PLAIN))
    path = package.get_model_path("toy-npz")
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(WorkspaceError, match=r"artifacts/toy-npz/model\.npz"):
        nav.package.save(package, tmp_path / "m.nav")

    assert ["w"] == beside(tmp_path)


def test_a_failed_save_leaves_the_file_that_it_should_replace(tmp_path: Path) -> None:
    package = optimized(tmp_path / "w", machine(*PLAIN))
    target = nav.package.save(package, tmp_path / "m.nav")
    before = target.read_bytes()
    path = package.get_model_path("toy-npz")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(WorkspaceError):
        nav.package.save(package, target, override=True)

    assert before == target.read_bytes()
    assert ["m.nav", "w"] == beside(tmp_path)


def test_a_workspace_that_another_run_has_used_since_is_not_saved(tmp_path: Path) -> None:
    package = optimized(tmp_path / "w", machine(*PLAIN))
    optimized(tmp_path / "w", machine(*PLAIN))

    with pytest.raises(WorkspaceError, match="holds another run than this package"):
        nav.package.save(package, tmp_path / "m.nav")


def test_samples_that_were_removed_are_missed(tmp_path: Path) -> None:
    package = optimized(tmp_path / "w", machine(*PLAIN))
    (tmp_path / "w/samples/inputs/0-0.npy").unlink()
    with pytest.raises(WorkspaceError, match=r"samples/inputs/0-0\.npy is not in the workspace") as caught:
        nav.package.save(package, tmp_path / "m.nav")

    assert "pass save_data=False, or optimise again" == caught.value.fix
    assert nav.package.save(package, tmp_path / "m.nav", save_data=False).exists()


def test_a_source_file_goes_into_the_package(tmp_path: Path) -> None:
    ToyModel().save(tmp_path / "net.npz")
    registry = machine(CONVERT, NPZ, JSON)
    package = optimized(tmp_path / "w", registry, model=str(tmp_path / "net.npz"))
    from_workspace = nav.package.load_from_workspace(tmp_path / "w", registry=registry)
    file = nav.package.save(from_workspace, tmp_path / "m.nav")
    (tmp_path / "net.npz").unlink()
    loaded = nav.package.load(file, registry=registry)

    assert "artifacts/source/net.npz" in members(file)
    assert package.status.trials == loaded.status.trials
    with loaded.get_runner(strategy=nav.SelectedRuntimeStrategy("toy-npz", "ToyNpz")) as runner:
        assert "toy-npz on ToyNpz" == runner.name


def test_a_source_file_that_has_changed_since_is_not_saved(tmp_path: Path) -> None:
    ToyModel().save(tmp_path / "net.npz")
    package = optimized(tmp_path / "w", machine(CONVERT, NPZ, JSON), model=str(tmp_path / "net.npz"))
    ToyModel(bias=ToyModel().bias + 1).save(tmp_path / "net.npz")

    with pytest.raises(WorkspaceError, match=r"net\.npz"):
        nav.package.save(package, tmp_path / "m.nav")


def test_a_loaded_package_is_saved_with_everything_that_it_had(tmp_path: Path) -> None:
    first = nav.package.save(optimized(tmp_path / "w", machine(*PLAIN)), tmp_path / "first.nav")
    loaded = nav.package.load(first, registry=machine())
    second = nav.package.save(loaded, tmp_path / "second.nav")

    assert members(first) == members(second)
    with zipfile.ZipFile(first) as before, zipfile.ZipFile(second) as after:
        for name in set(members(first)) - {"package.json"}:
            assert before.read(name) == after.read(name)
    assert loaded.status == nav.package.load(second, registry=machine()).status


def test_what_the_user_verified_is_in_the_file(tmp_path: Path) -> None:
    package = optimized(tmp_path / "w", machine(*PLAIN))
    nav.package.set_verified(package, "toy-npz/toy-json", "ToyJson")
    loaded = nav.package.load(nav.package.save(package, tmp_path / "m.nav"), registry=machine())

    verified = {trial.runner: trial.verified for trial in loaded.status.trials}
    assert {"ToyLive": None, "ToyNpz": None, "ToyJson": True} == verified
    assert loaded.status.choices[0].trial in loaded.status.trials


def test_only_a_trial_that_works_can_be_verified(tmp_path: Path) -> None:
    package = optimized(tmp_path / "w", machine(EXPORT, ToyConverter(fault="wrong"), LIVE, NPZ, JSON))

    assert Status.FAILED is package.status.trials[-1].status
    with pytest.raises(UsageError, match="toy-npz/toy-json on ToyJson cannot be verified, because it does not work"):
        nav.package.set_verified(package, "toy-npz/toy-json", "ToyJson")
    with pytest.raises(UnknownNameError, match="did you mean 'toy-npz on ToyNpz'"):
        nav.package.set_verified(package, "toy-npz", "ToyNp")


def test_samples_that_do_not_fit_on_the_disk_cost_the_run_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr}")
    try:
        package = optimized(disk, machine(*PLAIN), samples=[np.ones((12_000, 3), np.float32)])
        with pytest.raises(WorkspaceError, match="the run could not write its samples"):
            nav.package.save(package, tmp_path / "m.nav")
        bare = nav.package.save(package, tmp_path / "m.nav", save_data=False)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)

    assert {Status.OK} == {trial.status for trial in package.status.trials}
    assert "the samples cannot be written, so a package of this run has none" in caplog.text
    assert bare.exists()

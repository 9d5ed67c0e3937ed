"""What of a package is opened, and what only where the package is trusted with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import navcore as nav
from navcore.domain import BuildResult, PackageStatus
from navcore.errors import NoRuntimeError, TrustError, UsageError
from navcore.formats import Format
from navcore.hookspecs import hookimpl
from navcore.registry import Registry
from navcore.testing.toys import TOY_NPZ, ToyModel, ToyPlugin

from .package_toys import CODE, EXPORT, LIVE, NPZ, PLAIN, TO_CODE, machine, optimized, repeated

X = {"x": np.ones((2, 3), np.float32)}
WITH_CODE = (EXPORT, TO_CODE, LIVE, NPZ, CODE)
"""`toy-npz/toy-code` is far faster than the others."""

IS_CODE = nav.SelectedRuntimeStrategy("toy-npz/toy-code", "ToyCode")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A package of a live toy, as a file."""
    return nav.package.save(optimized(tmp_path / "there", machine(*PLAIN)), tmp_path / "model.nav")


@pytest.fixture
def with_code(tmp_path: Path) -> Path:
    """A package whose fastest artifact can run code."""
    package = optimized(tmp_path / "there", machine(*WITH_CODE))

    assert "toy-npz/toy-code" == package.get_best_runtime(include_source=False).trial.route
    return nav.package.save(package, tmp_path / "code.nav")


def claiming(file: Path, registry: Registry, **changes: Any) -> nav.Package:
    """The package with other results in it than a run gives."""
    package = nav.package.load(file, registry=registry)
    package.status = attrs.evolve(package.status, **changes)
    return package


def with_artifacts(status: PackageStatus, route: str, **changes: Any) -> tuple[BuildResult, ...]:
    """The builds, with other facts about the artifact of a route."""
    return tuple(
        attrs.evolve(build, artifact=attrs.evolve(build.artifact, **changes))
        if build.artifact is not None and build.route == route
        else build
        for build in status.builds
    )


def test_an_artifact_that_can_run_code_is_passed_over(with_code: Path) -> None:
    package = nav.package.load(with_code, registry=machine(*WITH_CODE))
    choice = package.get_best_runtime()

    assert "toy-npz" == choice.trial.route
    assert "passed over toy-npz/toy-code on ToyCode: opening toy-code can run code" in choice.reason
    assert ["toy-npz/toy-code"] == [omission.subject for omission in package.unusable]


def test_asking_for_an_artifact_that_can_run_code_is_an_error_with_the_fix(with_code: Path) -> None:
    package = nav.package.load(with_code, registry=machine(*WITH_CODE))
    with pytest.raises(TrustError, match="toy-npz/toy-code on ToyCode: opening toy-code can run code") as caught:
        package.get_runner(strategy=IS_CODE)

    assert 'nav.package.load(path, trust="code"), if you know where it comes from' == caught.value.fix
    trusted = nav.package.load(with_code, trust="code", registry=machine(*WITH_CODE))
    with trusted.get_runner(strategy=IS_CODE) as runner:
        np.testing.assert_array_equal(ToyModel()(X["x"]), runner.infer(X)["y"])


def test_ones_own_workspace_needs_no_trust_and_an_unpacked_file_does(with_code: Path, tmp_path: Path) -> None:
    registry = machine(*WITH_CODE)
    own = nav.package.load_from_workspace(tmp_path / "there", registry=registry)
    nav.package.load(with_code, tmp_path / "unpacked", registry=registry)
    unpacked = nav.package.load_from_workspace(tmp_path / "unpacked", registry=registry)

    assert own.get_runner(strategy=IS_CODE).name
    with pytest.raises(TrustError):
        unpacked.get_runner(strategy=IS_CODE)
    trusted = nav.package.load_from_workspace(tmp_path / "unpacked", "code", registry=registry)
    assert trusted.get_runner(strategy=IS_CODE).name


def test_a_format_that_says_that_it_is_data_is_judged_by_what_is_known_here(with_code: Path) -> None:
    harmless = attrs.evolve(CODE.accepts, risk=TOY_NPZ.risk)
    status = nav.package.load(with_code, registry=machine()).status
    trials = tuple(attrs.evolve(t, format=harmless) if t.runner == "ToyCode" else t for t in status.trials)
    builds = with_artifacts(status, "toy-npz/toy-code", format=harmless)
    package = claiming(with_code, machine(*WITH_CODE), trials=trials, builds=builds)

    with pytest.raises(TrustError):
        package.get_runner(strategy=IS_CODE)


@pytest.mark.parametrize("artifact_too", [True, False])
def test_an_artifact_is_opened_by_no_runner_of_another_format(with_code: Path, artifact_too: bool) -> None:
    status = nav.package.load(with_code, registry=machine()).status
    trials = tuple(attrs.evolve(t, format=TOY_NPZ) if t.runner == "ToyCode" else t for t in status.trials)
    builds = with_artifacts(status, "toy-npz/toy-code", format=TOY_NPZ) if artifact_too else status.builds
    package = claiming(with_code, machine(*WITH_CODE), trials=trials, builds=builds)

    with pytest.raises(NoRuntimeError if artifact_too else TrustError):
        package.get_runner(strategy=IS_CODE)


def test_a_runner_that_code_was_tried_on_does_not_open_data(with_code: Path) -> None:
    status = nav.package.load(with_code, registry=machine()).status
    trials = tuple(attrs.evolve(t, runner="ToyCode") if t.runner == "ToyNpz" else t for t in status.trials)
    package = claiming(with_code, machine(*WITH_CODE), trials=trials)

    with pytest.raises(NoRuntimeError, match="ToyCode runs toy-code here, and this is toy-npz"):
        package.get_runner(strategy=nav.SelectedRuntimeStrategy("toy-npz", "ToyCode"))


@pytest.mark.parametrize("path", ["package.json", "../elsewhere.npz", "/etc/hostname"])
def test_a_path_that_leads_to_something_that_was_not_checked_is_not_opened(saved: Path, path: str) -> None:
    status = nav.package.load(saved, registry=machine()).status
    package = claiming(saved, machine(*PLAIN), builds=with_artifacts(status, "toy-npz", path=path))

    assert ["toy-npz"] == [omission.subject for omission in package.unusable]
    with pytest.raises(UsageError):
        package.get_model_path("toy-npz")
    with pytest.raises(NoRuntimeError):
        package.get_runner(strategy=nav.SelectedRuntimeStrategy("toy-npz", "ToyNpz"))


@attrs.frozen(kw_only=True, eq=False)
class CodeFilePlugin(ToyPlugin):
    """Takes toy files for ones that can run code."""

    @hookimpl
    def nav_recognise(self, model: Any) -> Format | None:
        return CODE.accepts if isinstance(model, str) else None


def test_a_source_file_that_can_run_code_is_opened_only_where_that_is_trusted(tmp_path: Path) -> None:
    ToyModel().save(tmp_path / "net.npz")
    registry = nav.load_plugins([CodeFilePlugin(tools=(CODE,))], installed=False)
    package = optimized(tmp_path / "w", registry, model=str(tmp_path / "net.npz"))
    file = nav.package.save(package, tmp_path / "m.nav")
    wary = nav.package.load(file, registry=registry)
    with pytest.raises(TrustError, match="toy-code on ToyCode: opening toy-code can run code"):
        wary.get_runner()
    with pytest.raises(TrustError, match="toy-code cannot be optimised: opening toy-code can run code"):
        repeated(wary, tmp_path / "here")

    assert not (tmp_path / "here").exists()
    trusted = nav.package.load(file, trust="code", registry=registry)
    with trusted.get_runner() as runner:
        np.testing.assert_array_equal(ToyModel()(X["x"]), runner.infer(X)["y"])
    assert repeated(trusted, tmp_path / "here").trusted

"""nav.package.load: what can be read, what can be used, and what is refused."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import navcore as nav
from navcore.domain import PackageStatus
from navcore.errors import NoRuntimeError, UnknownNameError, UsageError, WorkspaceError
from navcore.testing.toys import ToyConverter, ToyModel, ToyPlugin, toy_samples

from .package_toys import BOUND, EXPORT, LIVE, NPZ, PLAIN, TO_BOUND, machine, optimized

X = {"x": np.ones((2, 3), np.float32)}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A package of a live toy, as a file."""
    return nav.package.save(optimized(tmp_path / "there", machine(*PLAIN)), tmp_path / "model.nav")


def test_results_are_read_without_a_plugin(saved: Path, tmp_path: Path) -> None:
    package = nav.package.load(saved, registry=machine())
    status = nav.package.load_from_workspace(tmp_path / "there", registry=machine()).status

    assert attrs.evolve(package.status, files=()) == status
    assert len(status.samples) == len(list(package.samples()))
    assert "best: toy-npz/toy-json on ToyJson" in repr(package)


def test_artifacts_that_no_plugin_runs_are_listed_with_the_plugin_to_install(saved: Path) -> None:
    package = nav.package.load(saved, registry=machine(NPZ))

    (unusable,) = package.unusable
    assert ("toy-npz/toy-json", "no installed plugin runs toy-json", "install a plugin that runs it") == attrs.astuple(
        unusable
    )


def test_the_next_proven_candidate_is_taken_where_the_best_has_no_plugin(saved: Path) -> None:
    package = nav.package.load(saved, registry=machine(NPZ))
    choice = nav.package.get_best_model_status(package)

    assert ("toy-npz", "ToyNpz") == (choice.trial.route, choice.trial.runner)
    assert "passed over toy-npz/toy-json on ToyJson: no installed plugin runs toy-json" in choice.reason


def test_what_was_chosen_runs(saved: Path) -> None:
    package = nav.package.load(saved, registry=machine(*PLAIN))
    with package.get_runner() as runner:
        outputs = runner.infer(X)

    assert "toy-npz/toy-json on ToyJson" == runner.name
    np.testing.assert_array_equal(ToyModel()(X["x"]), outputs["y"])


def test_where_nothing_can_be_used_the_error_says_what_to_do(saved: Path) -> None:
    package = nav.package.load(saved, registry=machine())

    with pytest.raises(NoRuntimeError, match="toy-npz on ToyNpz: no installed plugin runs toy-npz") as caught:
        package.get_runner()
    assert "nav.package.optimize(package) tries what this machine has" == caught.value.fix


def test_a_private_folder_lives_as_long_as_it_is_used(saved: Path) -> None:
    package = nav.package.load(saved, registry=machine(*PLAIN))
    folder = package.workspace
    runner = package.get_runner()
    del package
    gc.collect()
    with runner:
        outputs = runner.infer(X)

    np.testing.assert_array_equal(ToyModel()(X["x"]), outputs["y"])
    assert folder.exists()
    assert 0o700 == folder.stat().st_mode & 0o777
    del runner
    gc.collect()
    assert not folder.exists()


@pytest.mark.parametrize("there", [True, False])
def test_a_new_or_empty_folder_becomes_a_workspace_that_stays(saved: Path, tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "mine"
    if there:
        folder.mkdir()
    package = nav.package.load(saved, folder, registry=machine(*PLAIN))
    status = package.status
    del package
    gc.collect()

    assert status == nav.package.load_from_workspace(folder, registry=machine(*PLAIN)).status


@pytest.mark.parametrize("kind", ["a user's folder", "a workspace"])
def test_a_folder_with_something_in_it_is_refused_and_untouched(saved: Path, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "there"
    if kind == "a user's folder":
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / "thesis.txt").write_text("years")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with pytest.raises(WorkspaceError, match="is not empty; nothing was touched"):
        nav.package.load(saved, folder, registry=machine())

    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_an_unknown_trust_suggests_the_nearest(saved: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'code'"):
        nav.package.load(saved, trust="cod")
    with pytest.raises(UnknownNameError, match="no trust named 'True'; known: code"):
        nav.package.load(saved, trust=True)  # type: ignore[arg-type]  # what a user may try


def test_an_artifact_of_another_machine_is_passed_over(tmp_path: Path) -> None:
    tools = (EXPORT, TO_BOUND, LIVE, NPZ, BOUND)
    file = nav.package.save(optimized(tmp_path / "w", machine(*tools, gpu="A")), tmp_path / "m.nav")
    same = nav.package.load(file, registry=machine(*tools, gpu="A"))
    other = nav.package.load(file, registry=machine(*tools, gpu="B"))

    assert () == same.unusable
    assert "toy-npz/toy-bound" == same.get_best_runtime().trial.route
    choice = other.get_best_runtime()
    assert "toy-npz" == choice.trial.route
    assert "toy-npz/toy-bound on ToyBound: it was built for toy.gpu 'A', and here that is 'B'" in choice.reason


def test_an_artifact_can_be_bound_to_the_processors_instructions(tmp_path: Path) -> None:
    to_native = ToyConverter(name="toy-bound", target=BOUND.accepts, bound_to=("cpu.instructions", "cpu.machine"))
    tools = (EXPORT, to_native, LIVE, NPZ, BOUND)
    package = optimized(tmp_path / "w", machine(*tools))
    loaded = nav.package.load(nav.package.save(package, tmp_path / "m.nav"), registry=machine(*tools))

    (bound,) = (build.artifact for build in loaded.status.builds if build.route == "toy-npz/toy-bound")
    facts = dict(loaded.status.environment)
    assert bound is not None
    assert tuple((name, facts[name]) for name in ("cpu.instructions", "cpu.machine")) == bound.built_for
    if "unknown" not in dict(bound.built_for).values():
        assert () == loaded.unusable


@pytest.mark.parametrize("here", [{}, {"gpu": "unknown"}, {"gpu": "A"}])
def test_what_nobody_could_tell_when_it_was_built_fits_nowhere_but_in_its_workspace(
    tmp_path: Path, here: dict[str, str]
) -> None:
    tools = (EXPORT, TO_BOUND, LIVE, NPZ, BOUND)
    package = optimized(tmp_path / "w", machine(*tools))
    loaded = nav.package.load(nav.package.save(package, tmp_path / "m.nav"), registry=machine(*tools, **here))

    (bound,) = (build.artifact for build in package.status.builds if build.route == "toy-npz/toy-bound")
    assert bound is not None
    assert (("toy.gpu", "unknown"),) == bound.built_for
    assert "toy-npz/toy-bound" == package.get_best_runtime().trial.route
    assert ["toy-npz/toy-bound"] == [omission.subject for omission in loaded.unusable]


def test_a_live_source_has_to_be_given_back(saved: Path) -> None:
    package = nav.package.load(saved, registry=machine(*PLAIN))
    source = nav.SelectedRuntimeStrategy("toy-live", "ToyLive")
    with pytest.raises(NoRuntimeError, match="toy-live on ToyLive: the package does not hold the source"):
        package.get_runner(strategy=source)

    package.load_source_model(ToyModel())
    with package.get_runner(strategy=source) as runner:
        np.testing.assert_array_equal(ToyModel()(X["x"]), runner.infer(X)["y"])


def test_another_model_is_not_taken_for_the_source(saved: Path) -> None:
    package = nav.package.load(saved, registry=machine(*PLAIN))
    with pytest.raises(UsageError, match="is not what this package was made from: output 'y' of sample 0"):
        package.load_source_model(ToyModel(bias=ToyModel().bias + 1))

    assert package.model.object is None


def test_a_model_whose_call_cannot_be_guessed_asks_for_a_sample(tmp_path: Path) -> None:
    @attrs.frozen(kw_only=True, eq=False)
    class Wrapped(ToyPlugin):
        def nav_describe(self, model: Any, sample: Any, names: Any) -> Any:
            return ToyPlugin.nav_describe(self, model, sample["deep"]["x"], names)

        nav_describe.navcore_impl = ToyPlugin.nav_describe.navcore_impl  # type: ignore[attr-defined]

    registry = nav.load_plugins([Wrapped(tools=PLAIN)], installed=False)
    samples = [{"deep": {"x": sample}} for sample in toy_samples(2)]
    package = optimized(tmp_path / "w", registry, samples=samples)
    loaded = nav.package.load(nav.package.save(package, tmp_path / "m.nav"), registry=registry)
    with pytest.raises(UsageError, match="cannot be called as this package was made, with x -> y") as caught:
        loaded.load_source_model(ToyModel())

    assert "load_source_model(model, sample=...)" in caught.value.fix
    loaded.load_source_model(ToyModel(), sample=samples[0])
    assert loaded.model.object is not None


def test_results_that_contradict_themselves_are_refused(saved: Path) -> None:
    status: PackageStatus = nav.package.load(saved, registry=machine()).status
    package = nav.package.load(saved, registry=machine())
    package.status = attrs.evolve(status, signature=attrs.evolve(status.signature, batch="elsewhere"))
    file = nav.package.save(package, saved.with_name("odd.nav"))

    with pytest.raises(UsageError, match="the batch axis 'elsewhere', and no input has it"):
        nav.package.load(file, registry=machine())


def test_an_unknown_option_suggests_the_nearest(saved: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'workspace'"):
        nav.package.load(saved, workspce="x")  # type: ignore[call-arg]  # the misspelling is the point


def test_a_source_file_that_has_changed_since_is_not_run(tmp_path: Path) -> None:
    ToyModel().save(tmp_path / "net.npz")
    registry = machine(NPZ)
    package = optimized(tmp_path / "w", registry, model=str(tmp_path / "net.npz"))
    ToyModel(bias=ToyModel().bias + 1).save(tmp_path / "net.npz")

    with pytest.raises(WorkspaceError, match=r"net\.npz has changed since this package was made"):
        package.get_runner()

"""optimize(), end to end on toys: results, failures, and what the user sees of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import navcore as nav
from navcore.contracts import Stage, Tensors, Tool
from navcore.domain import Status, StepFinished, TrialResult
from navcore.errors import NavError, NoRuntimeError, UnknownNameError, UsageError, WorkspaceError
from navcore.store.schema import to_json
from navcore.store.workspace import read_status
from navcore.testing.toys import (
    TOY_JSON,
    TOY_LIVE,
    TOY_NPZ,
    TOY_TOOLS,
    ToyConverter,
    ToyExporter,
    ToyModel,
    ToyPlugin,
    ToyRunner,
    toy_samples,
)

QUICK = nav.OptimizationProfile(max_batch_size=2, window_size=2, max_trials=3)


def run(
    tmp_path: Path, *tools: Tool, model: Any = None, samples: Any = None, extra: Any = (), **options: Any
) -> nav.Package:
    registry = nav.load_plugins([ToyPlugin(tools=tools or TOY_TOOLS), *extra], installed=False)
    options = {"optimization_profile": QUICK, "workspace": tmp_path / "w"} | options
    return nav.optimize(
        model or ToyModel(), toy_samples() if samples is None else samples, registry=registry, **options
    )


def trial(package: nav.Package, runner: str) -> TrialResult:
    return next(trial for trial in package.status.trials if trial.runner == runner)


def test_every_route_is_built_compared_and_measured(tmp_path: Path) -> None:
    package = run(tmp_path)

    assert {"ToyLive": Status.OK, "ToyNpz": Status.OK, "ToyJson": Status.OK} == {
        trial.runner: trial.status for trial in package.status.trials
    }
    for found in package.status.trials:
        assert [1, 2] == [measurement.batch_size for measurement in found.measurements]
        assert found.agreement is not None
        assert (1, 2, 3) == found.agreement.batch_sizes
    assert trial(package, "ToyLive").measurements[0].ratio is None
    assert trial(package, "ToyNpz").measurements[0].ratio is not None


def test_artifacts_lie_in_the_workspace_with_hashes(tmp_path: Path) -> None:
    package = run(tmp_path)
    path = package.get_model_path("toy-npz/toy-json")

    assert tmp_path / "w" / "artifacts" / "toy-npz+toy-json" / "model.json" == path
    assert [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]] == json.loads(path.read_text())["weight"]
    artifact = package.status.builds[1].artifact
    assert artifact is not None
    assert path.stat().st_size == artifact.size_bytes


def test_the_results_are_in_the_workspace_as_they_were_returned(tmp_path: Path) -> None:
    package = run(tmp_path)

    assert package.status == read_status(tmp_path / "w")


def test_the_chosen_runner_gives_the_models_outputs(tmp_path: Path) -> None:
    package = run(tmp_path)
    for runner in ("ToyLive", "ToyNpz", "ToyJson"):
        strategy = nav.SelectedRuntimeStrategy(trial(package, runner).route, runner)
        with package.get_runner(strategy=strategy) as session:
            outputs = session.infer({"x": np.ones((4, 3), np.float32)})

        np.testing.assert_array_equal(ToyModel()(np.ones((4, 3), np.float32)), outputs["y"])


def test_a_failed_parent_skips_its_children_and_nothing_else(tmp_path: Path) -> None:
    package = run(tmp_path, ToyExporter(fault="raises"), *TOY_TOOLS[1:])

    assert [Status.FAILED, Status.SKIPPED] == [build.status for build in package.status.builds]
    failure = package.status.builds[0].failure
    assert failure is not None
    assert "RuntimeError: this toy cannot be written" == failure.reason
    assert "Traceback" in (package.workspace / failure.log).read_text()
    assert Status.OK is trial(package, "ToyLive").status
    skipped = trial(package, "ToyJson").failure
    assert skipped is not None
    assert "toy-npz/toy-json was not built" == skipped.reason


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ("writes-nothing", "no-artifact", "the tool returned without writing model.npz"),
        ("renames-output", "signature", "output names are y_renamed; the source has y"),
    ],
)
def test_a_converter_that_returns_has_proved_nothing(tmp_path: Path, fault: str, kind: str, reason: str) -> None:
    package = run(tmp_path, ToyExporter(fault=fault), *TOY_TOOLS[1:])
    failure = package.status.builds[0].failure

    assert failure is not None
    assert (kind, reason) == (failure.kind, failure.reason)


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ("open-raises", "exception", "RuntimeError: ToyNpz cannot open this toy"),
        ("call-raises", "exception", "RuntimeError: this toy cannot run"),
        ("wrong", "disagrees", "output 'y' of sample 0 (batch size 2): 100.00% of the elements are outside"),
        ("nan", "disagrees", "got nan"),
        ("wrong-shape", "disagrees", "output 'y' of sample 0 (batch size 2): shape is [2, 2, 1], expected [2, 2]"),
        ("renames-output", "exception", "the candidate gives y_renamed"),
        ("fixed-batch", "exception", "got batch size 3, expected 2"),
    ],
)
def test_a_runner_that_fails_is_a_row_with_its_reason_and_never_chosen(
    tmp_path: Path, fault: str, kind: str, reason: str
) -> None:
    package = run(tmp_path, *TOY_TOOLS[:3], ToyRunner(fault=fault), TOY_TOOLS[4])
    failed = trial(package, "ToyNpz")

    assert Status.FAILED is failed.status
    assert failed.failure is not None
    assert kind == failed.failure.kind
    assert reason in failed.failure.reason
    assert (package.workspace / failed.failure.log).exists()
    assert Status.OK is trial(package, "ToyJson").status
    with pytest.raises(NoRuntimeError, match="2 of 3 trials work"):
        package.get_runner(strategy=nav.SelectedRuntimeStrategy("toy-npz", "ToyNpz"))


@pytest.mark.parametrize(("fault", "fix"), [("wrong", "pass tolerance="), ("wrong-shape", "no tolerance covers that")])
def test_a_tolerance_is_advised_where_it_can_help(tmp_path: Path, fault: str, fix: str) -> None:
    failure = trial(run(tmp_path, *TOY_TOOLS[:3], ToyRunner(fault=fault)), "ToyNpz").failure

    assert failure is not None
    assert failure.fix.startswith(fix)


class Panic(BaseException):
    """As extensions in Rust raise: no Exception."""


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit("enough"), Panic("enough")])
@pytest.mark.parametrize("moment", ["open", "infer"])
def test_what_a_runner_raises_that_is_no_exception_is_a_row_too(
    tmp_path: Path, moment: str, error: BaseException
) -> None:
    @attrs.frozen(kw_only=True)
    class Rude(ToyRunner):
        @contextmanager
        def open(self, model: Any, device: Any) -> Iterator[Any]:
            def leave(feeds: Tensors) -> Tensors:
                raise error

            if moment == "open":
                raise error
            yield leave

    package = run(tmp_path, *TOY_TOOLS[:3], Rude(), TOY_TOOLS[4])
    failure = trial(package, "ToyNpz").failure

    assert failure is not None
    assert f"{type(error).__name__}: {error}" == failure.reason
    assert Status.OK is trial(package, "ToyJson").status


def test_an_interrupt_in_a_runner_ends_the_run(tmp_path: Path) -> None:
    @attrs.frozen(kw_only=True)
    class Interrupted(ToyRunner):
        @contextmanager
        def open(self, model: Any, device: Any) -> Iterator[Any]:
            raise KeyboardInterrupt
            yield

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, *TOY_TOOLS[:3], Interrupted(), TOY_TOOLS[4])


@pytest.mark.parametrize("moment", ["open", "close"])
def test_a_runner_that_exits_or_fails_to_close_does_not_end_the_run(tmp_path: Path, moment: str) -> None:
    @attrs.frozen(kw_only=True)
    class Rude(ToyRunner):
        @contextmanager
        def open(self, model: Any, device: Any) -> Iterator[Any]:
            if moment == "open":
                raise SystemExit(3)
            with ToyRunner.open(self, model, device) as infer:
                yield infer
            raise OSError("cannot let go")

    package = run(tmp_path, *TOY_TOOLS[:3], Rude(), TOY_TOOLS[4])

    assert Status.OK is trial(package, "ToyJson").status
    assert {"open": Status.FAILED, "close": Status.OK}[moment] is trial(package, "ToyNpz").status


def test_a_wrong_artifact_is_caught_although_its_converter_succeeded(tmp_path: Path) -> None:
    package = run(tmp_path, TOY_TOOLS[0], ToyConverter(fault="wrong"), *TOY_TOOLS[2:])

    assert Status.OK is package.status.builds[1].status
    assert Status.FAILED is trial(package, "ToyJson").status


def test_nothing_that_works_gives_an_empty_package_that_says_why(tmp_path: Path) -> None:
    package = run(tmp_path, ToyRunner(name="ToyLive", accepts=TOY_LIVE, fault="wrong"))

    assert package.is_empty()
    assert () == package.status.choices
    with pytest.raises(NoRuntimeError, match="0 of 1 trials work"):
        package.get_runner()


def test_a_trial_that_verify_func_rejects_is_never_selected(tmp_path: Path) -> None:
    def verify(got: Iterable[Tensors], expected: Iterable[Tensors]) -> bool:
        pairs = list(zip(got, expected, strict=True))
        assert 3 == len(pairs)
        return all(np.array_equal(left["y"], right["y"]) for left, right in pairs)

    def reject(got: Iterable[Tensors], expected: Iterable[Tensors]) -> bool:
        return False

    assert all(found.verified for found in run(tmp_path, verify_func=verify).status.trials)
    package = run(tmp_path, verify_func=reject)
    assert package.is_empty()
    assert {"verify_func returned False"} == {found.failure.reason for found in package.status.trials if found.failure}


def test_a_verify_func_that_raises_is_a_failure_of_the_trial(tmp_path: Path) -> None:
    def broken(got: Iterable[Tensors], expected: Iterable[Tensors]) -> bool:
        raise KeyError("accuracy")

    package = run(tmp_path, verify_func=broken)

    assert {"verify_func raised KeyError: 'accuracy'"} == {
        found.failure.reason for found in package.status.trials if found.failure
    }


def test_a_looser_tolerance_lets_a_wrong_runner_pass(tmp_path: Path) -> None:
    package = run(tmp_path, *TOY_TOOLS[:3], ToyRunner(fault="wrong"), tolerance={"y": nav.Tolerance(atol=1.5)})

    assert Status.OK is trial(package, "ToyNpz").status


def test_without_a_runner_of_the_source_it_is_said_that_there_is_no_baseline(tmp_path: Path) -> None:
    package = run(tmp_path, runners=["ToyNpz"])

    assert ("none of the runners runs the source itself, so there is nothing to give speed against",) == (
        package.status.notices
    )
    assert trial(package, "ToyNpz").measurements[0].ratio is None


def test_a_file_is_a_source_too(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    ToyModel().save(path)
    package = run(tmp_path, model=path)

    assert ["toy-npz on ToyNpz", "toy-npz/toy-json on ToyJson"] == [
        f"{found.route} on {found.runner}" for found in package.status.trials
    ]
    assert trial(package, "ToyJson").measurements[0].ratio is not None


def test_plugins_are_told_what_happens_and_cannot_disturb_it(tmp_path: Path) -> None:
    class Listener:
        events: list[Any] = []  # noqa: RUF012  # one test, one listener

        @nav.hookimpl
        def nav_event(self, event: Any) -> None:
            self.events.append(event)
            raise RuntimeError("not your business")

    package = run(tmp_path, extra=[Listener()])
    names = [type(event).__name__ for event in Listener.events]

    assert ["RunStarted", "RunFinished"] == [names[0], names[-1]]
    finished = [event.subject for event in Listener.events if isinstance(event, StepFinished)]
    assert ["toy-npz", "toy-npz/toy-json"] == finished[:2]
    assert package.status == Listener.events[-1].status


def test_a_run_that_is_broken_off_says_so_and_releases_the_workspace(tmp_path: Path) -> None:
    class Listener:
        names: list[str] = []  # noqa: RUF012  # one test, one listener

        @nav.hookimpl
        def nav_event(self, event: Any) -> None:
            self.names.append(type(event).__name__)

    @attrs.frozen(kw_only=True)
    class Interrupted(ToyExporter):
        def write(self, model: Any, out: Path) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Interrupted(), *TOY_TOOLS[1:], extra=[Listener()])

    assert ["RunStarted", "StepStarted", "RunAborted"] == Listener.names
    assert not (tmp_path / "w" / "scratch").exists()
    assert not run(tmp_path).is_empty()


def test_plugins_are_asked_once_whether_they_know_the_model(tmp_path: Path) -> None:
    class Curious:
        asked = 0

        @nav.hookimpl
        def nav_recognise(self, model: Any) -> None:
            Curious.asked += 1

    run(tmp_path, extra=[Curious()])

    assert 1 == Curious.asked


def test_what_steps_print_goes_into_their_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @attrs.frozen(kw_only=True)
    class Chatty(ToyExporter):
        def write(self, model: Any, out: Path) -> Any:
            print("converting", file=sys.stderr)
            return ToyExporter.write(self, model, out)

    quiet = run(tmp_path, Chatty(), *TOY_TOOLS[1:])

    assert "" == capsys.readouterr().err
    assert "converting\n" == (quiet.workspace / "logs" / "build-toy-npz.log").read_text()
    run(tmp_path, Chatty(), *TOY_TOOLS[1:], verbose=True)
    assert "converting\n" == capsys.readouterr().err


def test_a_custom_config_replaces_the_tools_of_its_format(tmp_path: Path) -> None:
    @attrs.frozen
    class ToyConfig:
        format = TOY_JSON
        variants: int = 2

        def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
            edge = next(tool for tool in tools if isinstance(tool, ToyConverter))
            others = tuple(tool for tool in tools if tool != edge)
            return (*others, *(attrs.evolve(edge, name=f"{edge.name}-{index}") for index in range(self.variants)))

    package = run(tmp_path, custom_configs=[ToyConfig()])

    assert ["toy-npz", "toy-npz/toy-json-0", "toy-npz/toy-json-1"] == [build.route for build in package.status.builds]
    with package.get_runner(strategy=nav.SelectedRuntimeStrategy("toy-npz/toy-json-1", "ToyJson")) as session:
        assert (1, 2) == session.infer({"x": np.ones((1, 3), np.float32)})["y"].shape


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runners": ["ToyNpzz"]}, "no runner named 'ToyNpzz'; known: Python, ToyJson, ToyLive, ToyNpz"),
        ({"runners": "ToyNpz"}, r"runners='ToyNpz' is not a sequence\n  fix: write runners=\('ToyNpz',\)"),
        ({"runners": []}, "runners is empty"),
        ({"target_formats": ["onx"]}, r"no format named 'onx'[\s\S]*did you mean 'onnx'"),
        ({"target_device": "gpu"}, "no device named 'gpu'; known: cpu, cuda"),
        ({"model_precision": "fp61"}, r"no precision named 'fp61'[\s\S]*did you mean 'fp16'"),
        ({"sample_count": 0}, "'sample_count' must be >= 1: 0"),
        ({"max_hops": 0}, "'max_hops' must be >= 1: 0"),
        ({"tolerance": 1e-3}, "tolerance=0.001 is no Tolerance"),
        ({"custom_configs": [object()]}, "which is no config"),
        ({"custom_configs": "onnx"}, "which is no config"),
        ({"seed": -1}, "'seed' must be >= 0: -1"),
        ({"seed": 1.5}, "'seed' must be <class 'int'>"),
        ({"max_hops": 1.5}, "'max_hops' must be <class 'int'>"),
        ({"optimization_profile": {"max_batch_size": 2}}, "'profile' must be <class"),
        ({"runners": ["ToyNpz", None]}, "runners holds None"),
        ({"input_names": [1]}, "input_names holds 1"),
        ({"input_names": [""]}, "input_names holds ''"),
        ({"verify_func": 3}, "verify_func=3 cannot be called"),
        ({"runners": ["Python"]}, r"there is nothing to try for a toy-live model: .*Python: it runs python"),
        ({"wrokspace": "x"}, r"no option named 'wrokspace'[\s\S]*did you mean 'workspace'"),
    ],
)
def test_wrong_options_are_errors_with_cause_and_fix(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        run(tmp_path, **options)

    assert isinstance(caught.value, NavError)
    assert caught.value.fix
    assert not (tmp_path / "w").exists()


def test_an_artifact_that_was_not_made_has_no_path(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="no artifact named 'onnx'; known: toy-npz, toy-npz/toy-json"):
        run(tmp_path).get_model_path("onnx")


def test_a_session_checks_its_feeds(tmp_path: Path) -> None:
    session = run(tmp_path).get_runner()
    good = np.ones((1, 3), np.float32)
    with pytest.raises(UsageError, match="is not active"):
        session.infer({"x": good})
    session.activate()
    with pytest.raises(UsageError, match=r"missing: x; unknown: X[\s\S]*rename 'X' to 'x'"):
        session.infer({"X": good})
    with pytest.raises(
        UsageError, match=r"input x: float32\[batch, 3\] was given float64[\s\S]*x\.astype\('float32'\)"
    ):
        session.infer({"x": good.astype(float)})
    with pytest.raises(UsageError, match=r"was given shape \[1, 4\]"):
        session.infer({"x": np.ones((1, 4), np.float32)})
    session.deactivate()
    session.deactivate()

    with session:
        assert (1, 2) == session.infer({"x": good})["y"].shape


def test_an_artifact_that_another_run_replaced_is_not_run(tmp_path: Path) -> None:
    package = run(tmp_path)
    other = ToyModel(bias=np.array([7.0, 7.0], np.float32))
    run(tmp_path, model=other)
    with pytest.raises(WorkspaceError, match=r"model\.npz of toy-npz has changed since this package was made"):
        package.get_runner(strategy=nav.SelectedRuntimeStrategy("toy-npz", "ToyNpz"))
    with package.get_runner(strategy=nav.SelectedRuntimeStrategy("toy-live", "ToyLive")) as session:
        assert (1, 2) == session.infer({"x": np.ones((1, 3), np.float32)})["y"].shape


def test_strategies_that_are_none_are_errors(tmp_path: Path) -> None:
    package = run(tmp_path)
    with pytest.raises(UsageError, match="both strategy and strategies were given"):
        package.get_runner([nav.MinLatencyStrategy()], strategy=nav.MinLatencyStrategy())
    with pytest.raises(UsageError, match="strategy 'min-latency' is no Strategy"):
        package.get_runner(strategy="min-latency")  # type: ignore[arg-type]


def test_a_package_shows_its_best_at_a_glance(tmp_path: Path) -> None:
    text = repr(run(tmp_path))

    assert "Package(ToyModel, x: float32[batch, 3] -> y: float32[batch, 2], 3 of 3 trials work" in text
    assert "inferences/s at batch size" in text


def test_the_profiles_own_dataloader_is_the_one_that_is_timed(tmp_path: Path) -> None:
    model = ToyModel()
    profile = attrs.evolve(QUICK, dataloader=toy_samples(1, batch=7))
    run(tmp_path, ToyRunner(name="ToyLive", accepts=TOY_LIVE), model=model, optimization_profile=profile)

    assert (1, 3) in model.calls
    with pytest.raises(UsageError, match=r"optimization_profile\.dataloader gave no samples"):
        run(tmp_path, optimization_profile=attrs.evolve(QUICK, dataloader=[]))


def test_a_run_in_a_foreign_folder_leaves_it_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty and not a workspace"):
        run(tmp_path)

    assert "mine" == (tmp_path / "w" / "mine.txt").read_text()


def test_a_wrong_call_leaves_the_results_of_the_run_before(tmp_path: Path) -> None:
    package = run(tmp_path)
    with pytest.raises(UsageError, match="the dataloader gave no samples"):
        run(tmp_path, samples=[])

    assert package.status == read_status(tmp_path / "w")
    assert package.get_model_path("toy-npz").exists()


def test_a_source_inside_the_workspace_is_refused_and_stays(tmp_path: Path) -> None:
    path = run(tmp_path).get_model_path("toy-npz")
    with pytest.raises(WorkspaceError, match="lies in the workspace"):
        run(tmp_path, model=path)

    assert path.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": {"why": nav.Tolerance(atol=1)}}, r"no output named 'why'; known: y"),
        ({"optimization_profile": attrs.evolve(QUICK, dataloader=3)}, "dataloader gave no samples"),
        ({"workspace": 3}, "workspace=3 is no path"),
    ],
)
def test_options_that_only_the_model_can_tell_are_checked_before_anything_is_cleared(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    package = run(tmp_path)
    with pytest.raises(UsageError, match=message):
        run(tmp_path, **options)

    assert package.status == read_status(tmp_path / "w")


def test_a_relative_source_is_found_after_a_change_of_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ToyModel().save(tmp_path / "model.npz")
    monkeypatch.chdir(tmp_path)
    package = run(tmp_path, model="model.npz")
    monkeypatch.chdir("/")
    with package.get_runner(strategy=nav.SelectedRuntimeStrategy("toy-npz", "ToyNpz")) as session:
        assert (1, 2) == session.infer({"x": np.ones((1, 3), np.float32)})["y"].shape


def test_a_tool_that_returns_nothing_is_a_failure_of_its_route(tmp_path: Path) -> None:
    @attrs.frozen(kw_only=True)
    class Forgetful(ToyExporter):
        def write(self, model: Any, out: Path) -> Any:
            ToyExporter.write(self, model, out)

    failure = run(tmp_path, Forgetful(), *TOY_TOOLS[1:]).status.builds[0].failure

    assert failure is not None
    assert "the tool returned NoneType, not a Signature" == failure.reason


@pytest.mark.parametrize("name", ["..", "é", "a b", "x" * 65, "a/b", ""])
def test_a_tool_name_that_is_no_file_name_is_refused(name: str) -> None:
    registry = nav.load_plugins([ToyPlugin(tools=(ToyExporter(name=name), *TOY_TOOLS[1:]))], installed=False)
    (problem,) = registry.problems

    assert f"a tool named {name!r}, which cannot be part of a file name" in problem.reason
    assert "toy-json" in [edge.name for edge in registry.edges]


def test_long_routes_have_file_names(tmp_path: Path) -> None:
    long = [ToyConverter(name="x" * 60 + str(stage.order), target=TOY_NPZ, stage=stage) for stage in Stage]
    package = run(tmp_path, *TOY_TOOLS, *long, max_hops=5)

    assert {Status.OK} == {build.status for build in package.status.builds}


def test_results_that_were_read_can_be_written_again(tmp_path: Path) -> None:
    package = run(tmp_path, *TOY_TOOLS[:3], ToyRunner(fault="nan"), tolerance={"y": nav.Tolerance(atol=1e-3)})
    text = (package.workspace / "package.json").read_text()

    assert text == to_json(read_status(package.workspace))
    assert '"inf"' in text


def test_the_plan_can_be_had_without_running_anything() -> None:
    model = ToyModel()
    registry = nav.load_plugins([ToyPlugin()], installed=False)
    from navcore.optimize import make_run_plan

    plan = make_run_plan(model, target_formats=[TOY_NPZ], registry=registry)

    assert [] == model.calls
    assert ["toy-live on ToyLive", "toy-npz on ToyNpz"] == [found.subject for found in plan.trials]


def test_a_python_function_is_profiled_as_it_is(tmp_path: Path) -> None:
    package = nav.python.optimize(
        lambda words, times: {"long": np.char.multiply(words, int(times))},
        [(np.array(["a", "b"]), {"times": 3})],
        workspace=tmp_path / "w",
        optimization_profile=QUICK,
        quiet=True,
    )
    (found,) = package.status.trials

    assert ("python", "Python", Status.OK) == (found.route, found.runner, found.status)
    assert [1, 2] == [measurement.batch_size for measurement in found.measurements]
    with package.get_runner() as session:
        assert ["aaa"] == session.infer({"input__0": np.array(["a"]), "times": np.array(3)})["long"].tolist()


def test_a_python_function_that_returns_no_array_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'output__0' is a object, which is no array"):
        nav.python.optimize(lambda x: object(), [np.ones(3)], workspace=tmp_path / "w", quiet=True)

"""Fewer threads than there are CPUs: tried on the best artifacts, kept where that is faster, and used by a session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

import navcore as nav
from navcore.contracts import Infer, Model, Tool
from navcore.domain import DeviceKind, Load, Measurement, Status, TrialResult
from navcore.engine import threads
from navcore.report.summary import choices
from navcore.report.trial_facts import trial_facts
from navcore.testing.toys import TOY_JSON, TOY_NPZ, TOY_TOOLS, ToyModel, ToyPlugin, ToyRunner, toy_samples

pytestmark = pytest.mark.alone

PROFILE = nav.OptimizationProfile(max_batch_size=2, window_size=2, max_trials=4)

OPENED: list[int | None] = []


@attrs.frozen(kw_only=True)
class Threaded(ToyRunner):
    """Takes as many times as long as `cost` has for a number of threads."""

    threads: int | None = None
    cost: tuple[tuple[int | None, int], ...] = ()
    broken: int = 0

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        OPENED.append(self.threads)
        if self.threads == self.broken:
            raise RuntimeError("no such number of threads")
        slow = attrs.evolve(self, repeat=dict(self.cost).get(self.threads, 100))
        with ToyRunner.open(slow, model, device) as infer:
            yield infer


@pytest.fixture(autouse=True)
def _eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    OPENED.clear()
    monkeypatch.setattr(threads, "thread_counts", lambda: (1, 4))


def run(tmp_path: Path, *runners: Tool, **options: Any) -> nav.Package:
    registry = nav.load_plugins([ToyPlugin(tools=(*TOY_TOOLS[:3], *runners))], installed=False)
    options = {
        "optimization_profile": PROFILE,
        "workspace": tmp_path / "w",
        "quiet": True,
        "isolate": False,
        "target_device": "cpu",
    } | options
    return nav.optimize(ToyModel(), toy_samples(), registry=registry, **options)


def trial(package: nav.Package, runner: str = "ToyNpz") -> TrialResult:
    return next(found for found in package.status.trials if found.runner == runner)


def test_a_number_of_threads_that_is_faster_is_kept_and_used_by_the_session(tmp_path: Path) -> None:
    package = run(tmp_path, Threaded(cost=((None, 300), (1, 100), (4, 1000))))
    found = trial(package)
    nav.package.save(package, tmp_path / "p.nav")
    choice = package.get_best_runtime(strategy=nav.MinLatencyStrategy(), include_source=False)

    assert {1} == {load.threads for load in found.loads}
    assert all((1, 1) == (load.instances, load.in_flight) for load in found.loads)
    assert found.latency_ms < found.quickest.p50_ms / 1.5
    assert found.throughput > found.busiest.throughput * 1.5
    assert choice.load is not None
    assert 1 == choice.load.threads
    OPENED.clear()
    with package.get_runner(strategy=nav.MinLatencyStrategy(), include_source=False):
        assert [1] == OPENED
    loaded = nav.package.load(tmp_path / "p.nav", registry=package.registry)
    assert found.loads == trial(loaded).loads


def test_more_threads_than_there_are_cpus_here_are_left_to_the_runner(tmp_path: Path, monkeypatch: Any) -> None:
    package = run(tmp_path, Threaded(cost=((None, 300), (4, 50))))
    assert 4 in {load.threads for load in trial(package).loads}

    for cpus, opened in ((4, 4), (3, None)):
        monkeypatch.setattr("navcore.findings.usable_cpus", lambda cpus=cpus: cpus)
        with package.get_runner(strategy=nav.MinLatencyStrategy(), include_source=False):
            assert opened == OPENED[-1]


def test_a_session_opens_the_runner_as_it_is_to_be_alone(tmp_path: Path) -> None:
    @attrs.frozen(kw_only=True)
    class Considerate(Threaded):
        def alone(self) -> Considerate:
            return attrs.evolve(self, threads=77)

    package = run(tmp_path, Considerate())

    assert 77 not in OPENED
    with package.get_runner(strategy=nav.MinLatencyStrategy(), include_source=False):
        assert 77 == OPENED[-1]


def test_what_is_no_faster_is_only_told(tmp_path: Path) -> None:
    package = run(tmp_path, Threaded(cost=((None, 100), (1, 1000), (4, 400))))
    found = trial(package)

    assert () == found.loads
    assert found.latency_ms == found.quickest.p50_ms
    assert {"on 1 thread", "on 4 threads"} == {" ".join(note.split()[:3]) for note in found.runtime_notes}
    OPENED.clear()
    with package.get_runner(strategy=nav.MinLatencyStrategy(), include_source=False):
        assert [None] == OPENED


def test_only_the_quickest_and_the_busiest_are_tried(tmp_path: Path) -> None:
    slow = Threaded(name="ToySlow", accepts=TOY_JSON, cost=((None, 3000),))
    package = run(tmp_path, Threaded(cost=((None, 100),)), slow)

    assert trial(package).runtime_notes
    assert () == trial(package, "ToySlow").runtime_notes


def test_a_number_that_the_user_has_set_is_left_alone(tmp_path: Path) -> None:
    assert () == trial(run(tmp_path, Threaded(threads=2))).runtime_notes
    assert {2} == set(OPENED)


def test_where_there_is_one_cpu_there_is_nothing_to_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "thread_counts", tuple)
    run(tmp_path, Threaded())

    assert [None] == OPENED


def test_a_number_that_fails_is_told_and_the_others_count(tmp_path: Path) -> None:
    found = trial(run(tmp_path, Threaded(broken=4, cost=((None, 400), (1, 100)))))

    assert "4 threads: RuntimeError: no such number of threads" in found.runtime_notes
    assert {1} == {load.threads for load in found.loads}


def test_a_budget_that_is_used_up_leaves_threads_out(tmp_path: Path) -> None:
    @attrs.frozen(kw_only=True)
    class Late(Threaded):
        @contextmanager
        def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
            with Threaded.open(self, model, device) as infer:
                threads.time.sleep(0.6)
                yield infer

    ToyModel().save(tmp_path / "toy.npz")
    registry = nav.load_plugins([ToyPlugin(tools=(Late(),))], installed=False)
    package = nav.optimize(
        tmp_path / "toy.npz",
        toy_samples(),
        registry=registry,
        workspace=tmp_path / "w",
        budget_s=0.5,
        quiet=True,
        isolate=False,
    )

    assert trial(package).measurements
    assert {None} == set(OPENED)


def test_the_report_and_the_sentence_of_the_choice_say_on_how_many_threads(tmp_path: Path) -> None:
    package = run(tmp_path, Threaded(cost=((None, 300), (1, 100), (4, 1000))))
    choice = package.get_best_runtime(strategy=nav.MinLatencyStrategy(), include_source=False)
    (sentence,) = choices(attrs.evolve(package.status, choices=(choice,)))

    assert "fewer threads" in [label for label, _ in trial_facts(trial(package))]
    assert " on 1 thread; on all of them " in sentence


def test_a_quicker_setting_is_one_call_at_a_time() -> None:
    result = _result(Load(1, 1, 1, 1, 10.0, 2.0, 3.0, 5), Load(1, 1, 2, 1, 10.0, 0.5, 3.0, 5))

    assert result.quickest_load == result.loads[0]
    assert 2.0 == result.latency_ms


def _result(*loads: Load) -> TrialResult:
    alone = Measurement(1, *[4.0] * 6, throughput=250.0, noise=0.0, calls=9, blocks_ms=(4.0,))
    return TrialResult("toy-npz", TOY_NPZ, "ToyNpz", 1, Status.OK, measurements=(alone,), loads=loads)

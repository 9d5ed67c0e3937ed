"""Models that change as they are called: compared and timed from what they were when they were opened."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import attrs
import numpy as np
import pytest

import navcore as nav
from navcore.contracts import Tensors
from navcore.domain import Status
from navcore.engine.timing import Block, time_calls
from navcore.testing.toys import TOY_LIVE, TOY_TOOLS, ToyModel, ToyPlugin, ToyRunner, toy_samples

QUICK = nav.OptimizationProfile(max_batch_size=2, window_size=2, max_trials=3)
PLAIN = ToyRunner(name="ToyLive", accepts=TOY_LIVE, plain=True)


def accepted(got: Iterable[Tensors], expected: Iterable[Tensors]) -> bool:
    return all(np.allclose(left["y"], right["y"]) for left, right in zip(got, expected, strict=True))


def run(tmp_path: Path, *runners: ToyRunner) -> nav.Package:
    edges = [tool for tool in TOY_TOOLS if not isinstance(tool, ToyRunner)]
    registry = nav.load_plugins([ToyPlugin(tools=(*edges, *runners))], installed=False)
    return nav.optimize(
        ToyModel(),
        toy_samples(),
        registry=registry,
        optimization_profile=QUICK,
        workspace=tmp_path / "w",
        verify_func=accepted,
        quiet=True,
    )


def test_a_call_that_is_compared_or_verified_begins_as_the_model_was_opened(tmp_path: Path) -> None:
    (trial,) = run(tmp_path, attrs.evolve(PLAIN, counts=True)).status.trials

    assert Status.OK is trial.status, trial.failure
    assert trial.verified


@pytest.mark.skipif(sys.platform == "win32", reason="workers need POSIX process groups")
def test_in_a_worker_too(tmp_path: Path) -> None:
    trials = run(tmp_path, PLAIN, ToyRunner(counts=True)).status.trials

    assert {"ToyLive": None, "ToyNpz": None} == {trial.runner: trial.failure for trial in trials}


def test_a_session_goes_on_from_call_to_call(tmp_path: Path) -> None:
    feeds = {"x": np.ones((2, 3), np.float32)}
    with run(tmp_path, attrs.evolve(PLAIN, counts=True)).get_runner() as runner:
        first, second = runner.infer(feeds)["y"], runner.infer(feeds)["y"]

    np.testing.assert_allclose(second, first + 1)


@attrs.define(eq=False)
class Counting:
    """Counts calls since it was restarted, and the most that there were."""

    calls: int = 0
    most: int = 0

    def __call__(self, feeds: Tensors) -> Tensors:
        self.calls += 1
        self.most = max(self.most, self.calls)
        return feeds

    def restart(self) -> None:
        self.calls = 0


def test_a_block_begins_as_the_model_was_opened_and_goes_on_from_call_to_call() -> None:
    counting, clock = Counting(), iter(range(99))
    for _ in range(3):
        time_calls(counting, {}, Block(samples=2, calls=3, lead=1), clock.__next__)

    assert 7 == counting.most


def test_a_model_that_candidates_share_is_left_as_it_was_opened() -> None:
    counting = Counting()
    time_calls(counting, {}, Block(samples=2), iter(range(9)).__next__)

    assert 0 == counting.calls


def test_also_where_a_call_fails() -> None:
    class Failing(Counting):
        def __call__(self, feeds: Tensors) -> Tensors:
            super().__call__(feeds)
            raise RuntimeError("refused")

    failing = Failing()
    with pytest.raises(RuntimeError, match="refused"):
        time_calls(failing, {}, Block(), iter(range(9)).__next__)

    assert 0 == failing.calls

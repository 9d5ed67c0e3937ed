"""Ranges of dimensions: what lies outside is not compared, not measured, and refused by the session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import navcore as nav
from navcore.contracts import Tool
from navcore.domain import Range, Signature, Status, TensorSpec, TrialResult
from navcore.engine.portable import signature_data, signature_from
from navcore.errors import UsageError
from navcore.plugins import load_plugins
from navcore.testing.toys import TOY_LIVE, ToyExporter, ToyModel, ToyPlugin, ToyRunner, toy_samples

LIVE = ToyRunner(name="ToyLive", accepts=TOY_LIVE, plain=True)
PAIR = Signature(
    (TensorSpec("x", "float32", ("batch", "length")), TensorSpec("y", "float32", ("batch", 3))),
    (),
    "batch",
    (Range("batch", 2, 63), Range("length", 1, None)),
)


def optimized(folder: Path, *tools: Tool, samples: Any = None, sizes: tuple[int, ...] = (1, 2, 4, 8)) -> nav.Package:
    return nav.optimize(
        ToyModel(),
        samples or toy_samples(),
        registry=load_plugins([ToyPlugin(tools=(LIVE, ToyRunner(), *tools))], installed=False),
        optimization_profile=nav.OptimizationProfile(batch_sizes=sizes, min_trials=1, max_trials=1),
        workspace=folder,
        quiet=True,
    )


def of_route(package: nav.Package, route: str = "toy-npz") -> TrialResult:
    return next(trial for trial in package.status.trials if trial.route == route)


def test_sizes_outside_are_neither_compared_nor_measured_and_the_trial_says_so(tmp_path: Path) -> None:
    trial = of_route(optimized(tmp_path / "w", ToyExporter(smallest=2, largest=4)))

    assert trial.agreement is not None
    assert Status.OK is trial.status
    assert (2, 3) == trial.agreement.batch_sizes
    assert [2, 4] == [measurement.batch_size for measurement in trial.measurements]
    assert (
        "not compared where batch is 1, and it is good for batch 2 to 4",
        "not compared where batch is 7, and it is good for batch 2 to 4",
        "batch size 1 is not measured: it is good for batch 2 to 4",
        "batch size 8 is not measured: it is good for batch 2 to 4",
    ) == trial.notes


def test_a_sample_of_the_users_outside_is_a_failure_of_the_route(tmp_path: Path) -> None:
    samples = [*toy_samples(1, 2), *toy_samples(1, 9)]
    trial = of_route(optimized(tmp_path / "w", ToyExporter(largest=4), samples=samples))

    assert trial.failure is not None
    assert (Status.FAILED, "signature") == (trial.status, trial.failure.kind.value)
    assert "sample 1 is outside of what it takes: batch is 9, and it is good for batch 0 to 4" == trial.failure.reason


def test_a_session_refuses_what_is_outside_and_states_the_range(tmp_path: Path) -> None:
    package = optimized(tmp_path / "w", ToyExporter(smallest=2, largest=4))
    strategy = nav.SelectedRuntimeStrategy("toy-npz", "ToyNpz")
    refused = r"toy-npz on ToyNpz was given inputs outside of its envelope: batch is 5, and it is good for batch 2 to 4"
    with package.get_runner(strategy=strategy) as session:
        with pytest.raises(UsageError, match=refused):
            session.infer({"x": np.zeros((5, 3), np.float32)})
        with pytest.raises(UsageError, match="batch is 1, and it is good for batch 2 to 4"):
            session.bind({"x": np.zeros((1, 3), np.float32)})

        assert (4, 2) == session.infer({"x": np.zeros((4, 3), np.float32)})["y"].shape


def test_ranges_survive_a_saved_package(tmp_path: Path) -> None:
    package = optimized(tmp_path / "w", ToyExporter(smallest=2))
    loaded = nav.package.load(nav.package.save(package, tmp_path / "toy.nav"), registry=package.registry)
    strategy = nav.SelectedRuntimeStrategy("toy-npz", "ToyNpz")

    with (
        loaded.get_runner(strategy=strategy) as session,
        pytest.raises(UsageError, match="batch is 1, and it is good for batch from 2"),
    ):
        session.infer({"x": np.zeros((1, 3), np.float32)})


def test_ranges_travel_to_workers() -> None:
    assert PAIR == signature_from(signature_data(PAIR))


@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        ({"x": (2, 9), "y": (2, 3)}, ""),
        ({"x": (63, 1), "y": (63, 3)}, ""),
        ({"x": (64, 1), "y": (64, 3)}, "batch is 64, and it is good for batch 2 to 63"),
        (
            {"x": (1, 0), "y": (1, 3)},
            "batch is 1, and it is good for batch 2 to 63; length is 0, and it is good for length from 1",
        ),
    ],
)
def test_what_is_beyond_is_told_by_dimension(shapes: dict[str, tuple[int, ...]], told: str) -> None:
    assert told == PAIR.beyond(shapes)


def test_a_range_that_is_empty_is_refused() -> None:
    with pytest.raises(ValueError, match="batch: largest=1 is below smallest=2"):
        Range("batch", 2, 1)

"""metric=: the user's own measure of quality decides about candidates that lower the precision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import navcore as nav
from navcore.contracts import Tensors, Tool
from navcore.domain import PackageStatus, Status, TrialResult
from navcore.errors import UsageError
from navcore.plugins import load_plugins
from navcore.testing.toys import TOY_LIVE, ToyExporter, ToyModel, ToyPlugin, ToyRunner, toy_samples

LIVE = ToyRunner(name="ToyLive", accepts=TOY_LIVE, plain=True)
Score = Callable[[Iterable[Tensors]], float]


@attrs.frozen(kw_only=True)
class Coarse(ToyRunner):
    """Gives every output times a factor, as something in a lower precision that is off by so much."""

    factor: float = 1.0

    def _infer(self, model: Any) -> Any:
        infer = super()._infer(model)
        return lambda feeds: {name: (array * self.factor).astype(array.dtype) for name, array in infer(feeds).items()}


def mean(outputs: Iterable[Tensors]) -> float:
    """The mean over all outputs, which a factor changes by as much."""
    return float(np.mean([np.abs(each["y"]).mean() for each in outputs]))


SOURCE = mean({"y": ToyModel()(sample)} for sample in toy_samples())


def optimized(folder: Path, *tools: Tool, metric: Score | None = mean, **options: Any) -> PackageStatus:
    return nav.optimize(
        ToyModel(),
        toy_samples(),
        registry=load_plugins([ToyPlugin(tools=(LIVE, ToyExporter(), ToyRunner(), *tools))], installed=False),
        optimization_profile=nav.OptimizationProfile(batch_sizes=(2,), min_trials=1, max_trials=1),
        workspace=folder,
        metric=metric,
        isolate=False,
        quiet=True,
        **{"precision": "auto"} | options,
    ).status


def of(status: PackageStatus, runner: str) -> TrialResult:
    return next(trial for trial in status.trials if trial.runner == runner)


def test_what_lowers_the_precision_has_its_score_and_the_package_that_of_the_source(tmp_path: Path) -> None:
    status = optimized(tmp_path / "w", Coarse(name="Half", precision="bf16", factor=0.99), max_metric_drop=1.0)

    assert status.metric == pytest.approx(SOURCE)
    assert of(status, "Half").metric == pytest.approx(0.99 * SOURCE, rel=1e-5)
    assert (None, None) == (of(status, "ToyLive").metric, of(status, "ToyNpz").metric)


def test_too_large_a_drop_fails_the_trial_with_both_numbers(tmp_path: Path) -> None:
    status = optimized(tmp_path / "w", Coarse(name="Half", precision="bf16", factor=0.97), max_metric_drop=0.1)
    failure = of(status, "Half").failure

    assert failure is not None
    assert (Status.FAILED, "metric") == (of(status, "Half").status, failure.kind.value)
    assert f"below the source's {SOURCE:.6g}; it may drop by 0.1" in failure.reason
    assert "max_metric_drop" in failure.fix


def test_the_metric_stands_in_place_of_the_default_tolerance(tmp_path: Path) -> None:
    far = Coarse(name="Far", precision="bf16", factor=1.5)

    assert "disagrees" == str(of(optimized(tmp_path / "a", far, metric=None), "Far").failure.kind)  # type: ignore[union-attr]
    assert Status.OK is of(optimized(tmp_path / "b", far), "Far").status


def test_a_tolerance_of_the_users_counts_beside_the_metric(tmp_path: Path) -> None:
    far = Coarse(name="Far", precision="bf16", factor=1.5)
    status = optimized(tmp_path / "w", far, tolerance=nav.Tolerance(rtol=0.01))

    assert "disagrees" == str(of(status, "Far").failure.kind)  # type: ignore[union-attr]


def test_the_metric_reads_the_whole_dataloader_and_no_made_up_samples(tmp_path: Path) -> None:
    seen: list[int] = []

    def counting(outputs: Iterable[Tensors]) -> float:
        seen.append(sum(1 for _ in outputs))
        return 1.0

    optimized(tmp_path / "w", Coarse(name="Half", precision="bf16"), metric=counting, sample_count=2)

    assert [3, 3] == seen


def test_a_score_that_is_no_number_fails_the_trial(tmp_path: Path) -> None:
    scores = iter((1.0, float("nan")))
    status = optimized(tmp_path / "w", Coarse(name="Half", precision="bf16"), metric=lambda _: next(scores))

    assert "the metric is nan" in of(status, "Half").failure.reason  # type: ignore[union-attr]


def test_an_exception_for_one_candidate_costs_that_one(tmp_path: Path) -> None:
    scores: Iterator[float] = iter((1.0,))
    status = optimized(tmp_path / "w", Coarse(name="Half", precision="bf16"), metric=lambda _: next(scores))

    assert "the metric raised StopIteration" in of(status, "Half").failure.reason  # type: ignore[union-attr]
    assert Status.OK is of(status, "ToyNpz").status


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        (3, "metric=3 cannot be called"),
        (lambda _: 1 / 0, "the metric fails on the source: ZeroDivisionError: division by zero"),
        (lambda _: "good", "the metric fails on the source: ValueError: could not convert string to float"),
        (lambda _: float("inf"), "the metric says inf of the source, so nothing can be compared with it"),
    ],
)
def test_a_metric_that_does_not_work_on_the_source_is_refused_before_anything_is_built(
    metric: Any, told: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=told):
        optimized(tmp_path / "w", metric=metric)

    assert not (tmp_path / "w" / "artifacts").exists()


def test_a_metric_with_nothing_to_judge_says_what_is_missing(tmp_path: Path) -> None:
    status = optimized(tmp_path / "w", precision=None)

    assert [notice for notice in status.notices if "pass precision='auto' as well" in notice]


def test_a_negative_drop_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'max_metric_drop' must be >= 0: -1"):
        optimized(tmp_path / "w", max_metric_drop=-1)

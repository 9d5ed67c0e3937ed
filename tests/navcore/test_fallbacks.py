"""What there is no point in trying: fallbacks that are not needed, and tools that can do nothing for the model."""

from __future__ import annotations

import io
from pathlib import Path

import attrs
import pytest
from rich.console import Console

import navcore as nav
from navcore.contracts import Tool
from navcore.domain import PackageStatus, Request, Status
from navcore.engine.plan import make_plan
from navcore.plugins import load_plugins
from navcore.report.plan import plan_page
from navcore.report.results import rows
from navcore.report.summary import troubles
from navcore.testing.toys import (
    TOY_JSON,
    TOY_LIVE,
    TOY_NPZ,
    ToyConverter,
    ToyExporter,
    ToyModel,
    ToyPlugin,
    ToyRunner,
    toy_samples,
)

LIVE = ToyRunner(name="ToyLive", accepts=TOY_LIVE, plain=True)
RUNNERS = (LIVE, ToyRunner(), ToyRunner(name="ToyJson", accepts=TOY_JSON))
OLD = ToyExporter(name="a-toy-npz-old", fallback=True)
JSON = ToyExporter(name="toy-json-direct", target=TOY_JSON)
FROM_JSON = ToyConverter(name="z-toy-npz", source=TOY_JSON, target=TOY_NPZ, fallback=True)


def found(folder: Path, *tools: Tool) -> PackageStatus:
    return nav.optimize(
        ToyModel(),
        toy_samples(),
        registry=load_plugins([ToyPlugin(tools=(*RUNNERS, *tools))], installed=False),
        optimization_profile=nav.OptimizationProfile(batch_sizes=(2,), min_trials=1, max_trials=1),
        workspace=folder,
        quiet=True,
    ).status


def kinds(status: PackageStatus) -> dict[str, str]:
    steps = [(build.route, build.failure) for build in status.builds]
    steps += [(f"{trial.route} on {trial.runner}", trial.failure) for trial in status.trials]
    return {subject: failure.kind.value if failure else "ok" for subject, failure in steps}


def test_a_fallback_comes_last_in_the_plan_whatever_its_name_and_length() -> None:
    registry = load_plugins([ToyPlugin(tools=(*RUNNERS, OLD, ToyExporter(), ToyConverter()))], installed=False)
    plan = make_plan(TOY_LIVE, registry, Request())

    assert ["toy-npz", "toy-npz/toy-json", "a-toy-npz-old", "a-toy-npz-old/toy-json"] == [
        build.route.id for build in plan.builds
    ]


def test_the_plan_says_which_routes_stand_in_for_others() -> None:
    registry = load_plugins([ToyPlugin(tools=(*RUNNERS, OLD, ToyExporter(), ToyConverter()))], installed=False)
    console = Console(width=120, file=io.StringIO())
    console.print(plan_page(make_plan(TOY_LIVE, registry, Request())))
    assert isinstance(console.file, io.StringIO)
    lines = [line for line in console.file.getvalue().splitlines() if line.startswith(("toy-npz", "a-toy"))]

    assert [False, False, True, True] == ["only where nothing else gives it: Toy" in line for line in lines]


def test_a_fallback_is_not_walked_where_its_target_was_built(tmp_path: Path) -> None:
    status = found(tmp_path / "w", OLD, ToyExporter(), ToyConverter())

    assert {
        "toy-npz": "ok",
        "toy-npz/toy-json": "ok",
        "a-toy-npz-old": "not-needed",
        "a-toy-npz-old/toy-json": "not-needed",
        "toy-live on ToyLive": "ok",
        "toy-npz on ToyNpz": "ok",
        "toy-npz/toy-json on ToyJson": "ok",
        "a-toy-npz-old on ToyNpz": "not-needed",
        "a-toy-npz-old/toy-json on ToyJson": "not-needed",
    } == kinds(status)


def test_a_fallback_is_walked_where_the_first_choice_fails_and_both_stand_in_the_results(tmp_path: Path) -> None:
    status = found(tmp_path / "w", OLD, ToyExporter(fault="raises"))

    assert {
        "toy-npz": "exception",
        "a-toy-npz-old": "ok",
        "toy-live on ToyLive": "ok",
        "toy-npz on ToyNpz": "parent",
        "a-toy-npz-old on ToyNpz": "ok",
    } == kinds(status)


def test_of_two_fallbacks_the_second_is_not_needed_once_the_first_works(tmp_path: Path) -> None:
    status = found(tmp_path / "w", OLD, ToyExporter(fault="raises"), JSON, FROM_JSON)

    assert ("ok", "not-needed") == (kinds(status)["a-toy-npz-old"], kinds(status)["toy-json-direct/z-toy-npz"])


def test_the_report_tells_once_why_fallbacks_were_not_tried(tmp_path: Path) -> None:
    status = found(tmp_path / "w", OLD, ToyExporter(), ToyConverter())
    (told,) = [trouble for trouble in troubles(status) if "not needed" in trouble.reason]

    assert ("a-toy-npz-old",) == told.subjects
    assert "toy-npz was built, so what gives toy-npz in its place is not needed" == told.reason
    assert not [row for row in rows(status) if "old" in row.route]


@pytest.mark.parametrize("tool", [ToyExporter(name="toy-other"), ToyRunner(name="ToyOther", accepts=TOY_LIVE)])
def test_what_can_do_nothing_for_the_model_is_skipped_with_its_reason(tool: Tool, tmp_path: Path) -> None:
    status = found(tmp_path / "w", ToyExporter(), attrs.evolve(tool, pointless="a toy has no convolutions"))
    skipped = {
        step.failure.reason
        for step in (*status.builds, *status.trials)
        if step.status is Status.SKIPPED and step.failure is not None
    }

    assert {"a toy has no convolutions"} == skipped
    assert "toy-npz on ToyNpz" in kinds(status)
    assert not [row for row in rows(status) if "other" in f"{row.route} {row.runner}".lower()]
    assert ["a toy has no convolutions"] == [each.reason for each in troubles(status)]


def test_a_check_that_fails_itself_costs_its_own_route_only(tmp_path: Path) -> None:
    @attrs.frozen(kw_only=True)
    class Clumsy(ToyRunner):
        def unsuited(self, model: object) -> str | None:
            raise ZeroDivisionError("oh")

    status = found(tmp_path / "w", ToyExporter(), Clumsy(name="Clumsy"))
    (clumsy,) = [trial for trial in status.trials if trial.runner == "Clumsy"]

    assert clumsy.failure is not None
    assert "its check failed: ZeroDivisionError: oh" == clumsy.failure.reason
    assert "ok" == kinds(status)["toy-npz on ToyNpz"]

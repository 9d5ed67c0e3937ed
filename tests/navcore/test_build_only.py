"""build_only=True: everything that can be built is, for runners of other machines too, and nothing is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import navcore as nav
from navcore.contracts import Tool
from navcore.domain import DeviceKind, Request
from navcore.engine.plan import Plan, make_plan
from navcore.plugins import load_plugins
from navcore.registry import Registry
from navcore.report.plan import plan_json
from navcore.report.summary import choices
from navcore.testing.toys import (
    TOY_JSON,
    TOY_LIVE,
    ToyConverter,
    ToyExporter,
    ToyModel,
    ToyPlugin,
    ToyRunner,
    toy_samples,
)

LIVE = ToyRunner(name="ToyLive", accepts=TOY_LIVE, plain=True)
AWAY = ToyRunner(name="ToyJson", accepts=TOY_JSON, devices=(DeviceKind.CUDA,), missing="there is no GPU; buy one")
TOOLS: tuple[Tool, ...] = (LIVE, ToyExporter(), ToyConverter(), ToyRunner(), AWAY)


def registry(*tools: Tool) -> Registry:
    return load_plugins([ToyPlugin(tools=tools or TOOLS)], installed=False)


def plan_of(*tools: Tool, **options: Any) -> Plan:
    return make_plan(TOY_LIVE, registry(*tools), Request(**options))


def prepared(folder: Path) -> nav.Package:
    return nav.optimize(ToyModel(), toy_samples(), registry=registry(), workspace=folder, build_only=True, quiet=True)


def test_a_plan_names_what_could_be_built_though_nothing_here_runs_it() -> None:
    plan = plan_of()

    assert ["toy-npz"] == [build.route.id for build in plan.builds]
    assert (("toy-npz/toy-json", "there is no GPU"),) == plan.idle
    assert '"reason": "there is no GPU"' in plan_json(plan)


def test_what_no_installed_runner_would_run_is_left_out_as_before() -> None:
    plan = plan_of(LIVE, ToyExporter(), ToyConverter(), ToyRunner(), build_only=True)

    assert ["toy-npz"] == [build.route.id for build in plan.builds]
    assert ["toy-npz/toy-json"] == [omission.subject for omission in plan.omissions]


def test_a_plan_to_build_only_builds_those_and_tries_nothing() -> None:
    plan = plan_of(build_only=True)

    assert ["toy-npz", "toy-npz/toy-json"] == [build.route.id for build in plan.builds]
    assert ((), ()) == (plan.trials, plan.idle)


def test_only_what_was_asked_for_is_built() -> None:
    plan = plan_of(build_only=True, runners=("ToyNpz",))

    assert ["toy-npz"] == [build.route.id for build in plan.builds]


def test_a_run_builds_and_says_what_to_do_with_it(tmp_path: Path) -> None:
    package = prepared(tmp_path / "w")

    assert ["toy-npz", "toy-npz/toy-json"] == [build.route for build in package.status.builds if build.artifact]
    assert () == package.status.trials
    assert choices(package.status)[0].startswith("Built 2 artifacts; nothing was run. Save the package")
    assert () == package.status.notices


def test_a_package_that_was_prepared_here_is_measured_where_its_runner_works(tmp_path: Path) -> None:
    saved = nav.package.save(prepared(tmp_path / "w"), tmp_path / "toy.nav")
    there = ToyRunner(name="ToyJson", accepts=TOY_JSON)
    loaded = nav.package.load(saved, registry=registry(LIVE, ToyExporter(), ToyConverter(), ToyRunner(), there))
    found = nav.package.profile(loaded, batch_sizes=(2,), min_trials=1, max_trials=1, stabilization_windows=1)

    assert {"toy-npz on ToyNpz", "toy-npz/toy-json on ToyJson"} == {
        f"{runtime.route} on {runtime.runner}" for runtime in found.runtimes if runtime.samples
    }
    again = nav.package.optimize(
        loaded,
        workspace=tmp_path / "v",
        optimization_profile=nav.OptimizationProfile(max_batch_size=2, max_trials=3),
        quiet=True,
    )
    assert "toy-npz/toy-json on ToyJson" in {f"{trial.route} on {trial.runner}" for trial in again.status.trials}

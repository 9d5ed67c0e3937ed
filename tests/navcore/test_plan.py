"""make_plan(): which routes and trials, and what is left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navcore.contracts import Stage, Tool
from navcore.domain import DeviceKind, Request
from navcore.engine.plan import Plan, make_plan
from navcore.errors import UnknownNameError
from navcore.formats import Format
from navcore.plugins import load_plugins
from navcore.registry import Registry
from navcore.testing.toys import (
    TOY_JSON,
    TOY_LIVE,
    TOY_NPZ,
    TOY_TOOLS,
    ToyConverter,
    ToyExporter,
    ToyPlugin,
    ToyRunner,
)


def registry_of(*tools: Tool) -> Registry:
    return load_plugins([ToyPlugin(tools=tools)], installed=False)


def plan_of(*tools: Tool, **options: Any) -> Plan:
    return make_plan(TOY_LIVE, registry_of(*tools), Request(**options))


def builds_of(plan: Plan) -> list[str]:
    return [build.route.id for build in plan.builds]


def trials_of(plan: Plan) -> list[str]:
    return [trial.subject for trial in plan.trials]


def test_every_route_and_runner_is_found_with_the_source_first() -> None:
    plan = plan_of(*TOY_TOOLS)

    assert ["toy-npz", "toy-npz/toy-json"] == builds_of(plan)
    assert ["toy-live on ToyLive", "toy-npz on ToyNpz", "toy-npz/toy-json on ToyJson"] == trials_of(plan)


def test_a_target_format_keeps_the_source_and_the_builds_that_it_needs() -> None:
    plan = plan_of(*TOY_TOOLS, target_formats=(TOY_JSON,))

    assert ["toy-npz", "toy-npz/toy-json"] == builds_of(plan)
    assert ["toy-live on ToyLive", "toy-npz/toy-json on ToyJson"] == trials_of(plan)


def test_named_runners_are_the_only_ones_and_other_routes_are_not_built() -> None:
    plan = plan_of(*TOY_TOOLS, runners=("ToyNpz",))

    assert ["toy-npz"] == builds_of(plan)
    assert ["toy-npz on ToyNpz"] == trials_of(plan)


def test_an_unknown_runner_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(
        UnknownNameError, match=r"no runner named 'toynpz'; known: .*ToyNpz[\s\S]*did you mean 'ToyNpz'"
    ):
        plan_of(*TOY_TOOLS, runners=("toynpz",))


def test_an_edge_that_cannot_work_here_is_left_out_with_cause_and_fix() -> None:
    missing = ToyExporter(missing="the toy maker is not installed; pip install toy-maker")
    plan = plan_of(missing, *TOY_TOOLS[1:])

    assert [] == builds_of(plan)
    assert [("toy-npz", "the toy maker is not installed", "pip install toy-maker")] == [
        (omission.subject, omission.reason, omission.fix) for omission in plan.omissions
    ]


def test_a_runner_that_cannot_work_here_is_left_out_and_its_format_is_not_built() -> None:
    plan = plan_of(*TOY_TOOLS[:4], ToyRunner(name="ToyJson", accepts=TOY_JSON, missing="no toys today; come back"))

    assert ["toy-npz"] == builds_of(plan)
    assert ["ToyJson"] == [omission.subject for omission in plan.omissions]


def test_a_check_that_raises_makes_the_tool_unavailable() -> None:
    class Broken(ToyRunner):
        def unavailable(self) -> str | None:
            raise RuntimeError("no idea")

    plan = plan_of(*TOY_TOOLS[:4], Broken(name="ToyJson", accepts=TOY_JSON))

    assert ["its check failed: RuntimeError: no idea"] == [omission.reason for omission in plan.omissions]


def test_a_runner_for_another_device_is_left_out_with_the_argument_that_brings_it_in() -> None:
    cuda = ToyRunner(name="ToyCUDA", accepts=TOY_NPZ, devices=(DeviceKind.CUDA,))
    plan = plan_of(*TOY_TOOLS, cuda)

    assert "toy-npz on ToyCUDA" not in trials_of(plan)
    assert [("ToyCUDA", "runs on cuda, and the target device is cpu", "target_device=cuda")] == [
        (omission.subject, omission.reason, omission.fix) for omission in plan.omissions
    ]


def test_a_format_that_nothing_runs_is_not_built_unless_it_is_asked_for() -> None:
    tools = TOY_TOOLS[:4]

    assert ["toy-npz"] == builds_of(plan_of(*tools))
    assert ["toy-npz", "toy-npz/toy-json"] == builds_of(plan_of(*tools, target_formats=(TOY_JSON,)))
    (omission,) = plan_of(*tools).omissions
    assert "no installed plugin runs toy-json; not built" == omission.reason


def test_a_route_visits_no_format_twice() -> None:
    back = ToyConverter(name="toy-back", source=TOY_JSON, target=TOY_NPZ)
    plan = plan_of(*TOY_TOOLS, back)

    assert ["toy-npz", "toy-npz/toy-json"] == builds_of(plan)


def test_passes_run_once_each_and_in_the_order_of_their_stage() -> None:
    clean = ToyConverter(name="clean", target=TOY_NPZ, stage=Stage.CLEAN)
    half = ToyConverter(name="half", target=TOY_NPZ, stage=Stage.PRECISION)
    plan = plan_of(*TOY_TOOLS[:1], *TOY_TOOLS[2:4], half, clean)

    assert ["toy-npz", "toy-npz/clean", "toy-npz/half", "toy-npz/clean/half"] == builds_of(plan)


def test_max_hops_bounds_the_routes_and_says_how_many_it_left_out() -> None:
    plan = plan_of(*TOY_TOOLS, max_hops=1)

    assert ["toy-npz"] == builds_of(plan)
    assert [("1 route of more than 1 edge", "max_hops=2")] == [
        (omission.subject, omission.fix) for omission in plan.omissions
    ]


def test_what_no_route_leads_to_is_said_by_name() -> None:
    plan = plan_of(*TOY_TOOLS, target_formats=(Format.TENSORRT,), runners=("Python",))

    assert [("Python", "it runs python, which no route that was asked for leads to")] == [
        (omission.subject, omission.reason) for omission in plan.omissions if omission.subject == "Python"
    ]
    assert "no route leads from toy-live to this format" in [omission.reason for omission in plan.omissions]


def test_a_check_that_returns_no_sentence_is_reported() -> None:
    class Sloppy(ToyRunner):
        def unavailable(self) -> str | None:
            return True  # type: ignore[return-value]  # what a sloppy plugin does

    plan = plan_of(*TOY_TOOLS[:4], Sloppy(name="ToyJson", accepts=TOY_JSON))

    assert ["its check returned True, not a sentence"] == [omission.reason for omission in plan.omissions]


def test_a_source_on_disk_stands_first_in_the_id() -> None:
    plan = make_plan(TOY_NPZ, registry_of(*TOY_TOOLS), Request())

    assert ["toy-npz on ToyNpz", "toy-npz/toy-json on ToyJson"] == trials_of(plan)


FORMATS = tuple(Format(f"made-{letter}", suffix=f".{letter}") for letter in "abcd")


@st.composite
def toolboxes(draw: st.DrawFn) -> list[Tool]:
    """Random graphs over four formats, with passes, unavailable tools and runners for both devices."""
    missing = st.sampled_from([None, "out of order; repair it"])
    tools: list[Tool] = [ToyExporter(name=f"to-{end}", target=end) for end in draw(st.sets(st.sampled_from(FORMATS)))]
    for start, end in sorted(draw(st.sets(st.tuples(*[st.sampled_from(FORMATS)] * 2))), key=str):
        stage = draw(st.sampled_from(Stage)) if start == end else None
        tools.append(
            ToyConverter(name=f"{end}-of-{start}", source=start, target=end, stage=stage, missing=draw(missing))
        )
    for accepts in draw(st.sets(st.sampled_from((TOY_LIVE, *FORMATS)))):
        devices = tuple(draw(st.sets(st.sampled_from(DeviceKind), min_size=1)))
        tools.append(ToyRunner(name=f"Run-{accepts}", accepts=accepts, devices=devices, missing=draw(missing)))
    return tools


@given(toolboxes(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_the_plan_is_the_same_for_every_order_of_registration(tools: list[Tool], random: Any, max_hops: int) -> None:
    shuffled = random.sample(tools, len(tools))

    assert plan_of(*tools, max_hops=max_hops) == plan_of(*shuffled, max_hops=max_hops)


@given(toolboxes(), st.integers(1, 4))
def test_a_plan_keeps_its_rules_on_any_graph(tools: list[Tool], max_hops: int) -> None:
    plan = plan_of(*tools, max_hops=max_hops)
    seen: set[tuple[str, ...]] = {()}

    for build in plan.builds:
        assert build.route.parent in seen
        seen.add(build.route.edges)
        assert len(build.route.edges) <= max_hops
        assert build.edge.unavailable() is None
    assert len(seen) == 1 + len(plan.builds)
    for trial in plan.trials:
        assert trial.route.edges in seen
        assert trial.runner.accepts == trial.route.format
        assert DeviceKind.CPU in trial.runner.devices
        assert trial.runner.unavailable() is None

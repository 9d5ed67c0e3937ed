"""What `nav plan` prints: every route with its runners, and what was left out with reason and fix."""

from __future__ import annotations

import io
import json

from rich.console import Console

from navcore import load_plugins
from navcore.domain import Omission, Request
from navcore.engine.plan import Plan, make_plan
from navcore.report.plan import plan_json, plan_page
from navcore.testing.toys import TOY_JSON, TOY_LIVE, TOY_TOOLS, ToyPlugin, ToyRunner

MISSING = ToyRunner(name="ToyMissing", missing="no toy driver; install the toy driver")


def plan_with(*tools: object, **options: object) -> Plan:
    registry = load_plugins(extra=[ToyPlugin(tools=(*TOY_TOOLS, *tools))], installed=False)
    return make_plan(TOY_LIVE, registry, Request(**options))  # type: ignore[arg-type]  # whatever the test gives


def printed(plan: Plan) -> str:
    stream = io.StringIO()
    Console(file=stream, width=80).print(plan_page(plan))
    return stream.getvalue()


def test_each_route_is_a_line_with_its_runners() -> None:
    lines = [line.split() for line in printed(plan_with()).splitlines()]

    assert ["toy-live", "ToyLive"] in lines
    assert ["toy-npz", "ToyNpz"] in lines
    assert ["toy-npz/toy-json", "ToyJson"] in lines


def test_the_first_line_counts() -> None:
    assert "Plan from toy-live: 2 builds and 3 trials; 1 thing left out" == printed(plan_with(MISSING)).splitlines()[0]


def test_a_route_that_only_leads_on_says_so() -> None:
    text = printed(plan_with(target_formats=(TOY_JSON,)))

    assert ["toy-npz", "built on the way, not run"] in [
        line.split(maxsplit=1) for line in map(str.rstrip, text.splitlines())
    ]


def test_a_tool_that_cannot_run_has_its_reason_and_fix() -> None:
    assert "Left out\n  ToyMissing\n    no toy driver\n    fix: install the toy driver\n" in printed(plan_with(MISSING))


def test_json_holds_the_same() -> None:
    plan = json.loads(plan_json(plan_with(MISSING)))

    assert "toy-live" == plan["source"]
    assert [{"route": "toy-npz", "edge": "toy-npz"}, {"route": "toy-npz/toy-json", "edge": "toy-json"}] == plan[
        "builds"
    ]
    assert {"route": "toy-live", "runner": "ToyLive"} == plan["trials"][0]
    assert [{"subject": "ToyMissing", "reason": "no toy driver", "fix": "install the toy driver"}] == plan["omissions"]


def test_an_empty_plan_says_so_in_place_of_a_table() -> None:
    empty = Plan(TOY_LIVE, (), (), ())
    text = " ".join(printed(empty).split())

    assert "tried on" not in text
    assert "Nothing would be tried: no runner that was asked for takes toy-live or a format made from it." in text
    assert "run `nav plugins` to see what runs which format" in text


def test_an_empty_plan_with_reasons_points_to_them() -> None:
    text = printed(Plan(TOY_LIVE, (), (), (Omission("ToyMissing", "no toy driver", "install it"),)))

    assert text.index("no toy driver") < text.index("Nothing would be tried. The reasons are above.")

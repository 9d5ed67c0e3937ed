"""The plan of a run: routes, the runners that try them, and what was left out."""

from __future__ import annotations

import json

import attrs
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from navcore.engine.plan import Plan
from navcore.report import figures
from navcore.report.troubles import left_out, paragraphs

__all__ = ["plan_json", "plan_page", "plan_table"]


def plan_page(plan: Plan) -> RenderableType:
    """Return everything that people want to know about a plan."""
    counts = f"{figures.count(len(plan.builds), 'build')} and {figures.count(len(plan.trials), 'trial')}"
    omitted = f"; {figures.count(len(plan.omissions), 'thing')} left out" if plan.omissions else ""
    title = Text(f"Plan from {plan.source}: {counts}{omitted}", style="bold")
    if not plan.builds and not plan.trials and not plan.idle:
        return Group(title, *paragraphs(left_out(plan.omissions)), Text(), Text(_nothing(plan), style="bold"))
    return Group(title, Text(), plan_table(plan), *paragraphs(left_out(plan.omissions)))


def _nothing(plan: Plan) -> str:
    if plan.omissions:
        return "Nothing would be tried. The reasons are above."
    return (
        f"Nothing would be tried: no runner that was asked for takes {plan.source} or a format made from it. "
        "Leave out a restriction of runners, formats or device, or run `nav plugins` to see what runs which format."
    )


def plan_json(plan: Plan) -> str:
    """Return the plan as JSON text."""
    data = {
        "source": plan.source.name,
        "builds": [{"route": build.route.id, "edge": build.edge.name} for build in plan.builds],
        "trials": [{"route": trial.route.id, "runner": trial.runner.name} for trial in plan.trials],
        "idle": [{"route": route, "reason": reason} for route, reason in plan.idle],
        "omissions": [attrs.asdict(omission) for omission in plan.omissions],
    }
    return json.dumps(data, indent=1) + "\n"


def plan_table(plan: Plan) -> Table:
    """Return one row per route, the source first, with the runners that try it."""
    runners: dict[str, list[str]] = {}
    for trial in plan.trials:
        runners.setdefault(trial.route.id, []).append(trial.runner.name)
    tried = {route: ", ".join(names) for route, names in runners.items()}
    only = "built on the way, not run" if plan.trials else "built, not run"
    built = {build.route.id: only for build in plan.builds}
    stand_ins = _stand_ins(plan)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("route", overflow="fold")
    table.add_column("tried on", overflow="fold")
    for route in dict.fromkeys((*(trial.route.id for trial in plan.trials if trial.route.is_source), *built, *tried)):
        only = "only where nothing else gives it: " if route in stand_ins else ""
        table.add_row(Text(route), Text(f"{only}{tried.get(route) or built[route]}"))
    for route, reason in plan.idle:
        table.add_row(Text(route), Text(f"can be built here (build only), not run: {reason}"), style="dim")
    return table


def _stand_ins(plan: Plan) -> set[str]:
    """Return the routes that stand in for others, with those that go on from them."""
    first = {build.route.id for build in plan.builds if build.edge.fallback}
    routes = (build.route.id for build in plan.builds)
    return {route for route in routes if any(route == name or route.startswith(f"{name}/") for name in first)}

"""What holds for every page of routes: each route on each model of the zoo has an answer, and the answers are true."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import navcore as nav
from navcore.engine.compare import default_tolerance
from navcore.registry import Registry

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))  # where tables are made; workers take the path from here

from route_facts import every_tool, facts_of, plan_of, try_everything
from route_page import render
from zoo import Zoo

EXPLAINED = {
    *("exception", "missing-dependency", "unsupported-operator", "signature", "disagrees", "unsuited"),
}
"""Kinds of failure that are an answer. A crash, a time-out or a full disk is none, and a parent has its own reason."""


def read(zoo: Zoo) -> dict[str, Any]:
    """Return the facts of a page."""
    facts: dict[str, Any] = json.loads(zoo.page.with_suffix(".json").read_text("utf-8"))
    return facts


def again(zoo: Zoo, name: str, registry: Registry, folder: Path) -> dict[str, Any]:
    """Return the row of a tiny model as it is today."""
    loaded = zoo.load(name, "tiny")
    # Not isolated, which is quicker: no worker imports the framework.
    return facts_of(try_everything(loaded, registry, workspace=folder / "w", isolate=False), loaded)


def subject(route: dict[str, Any]) -> str:
    return f"{route['route']} on {route['runner']}"


def is_sentence(reason: str) -> bool:
    """One line of some words, with no bare exception, address or folder of the machine in it."""
    return (
        len(reason.split()) >= 4
        and len(reason) <= 400
        and "\n" not in reason
        and not re.search(r"no message|0x[0-9a-f]{6}|(^|[\s'\"(])/\w+/", reason)
    )


def differences(told: dict[str, Any], row: dict[str, Any], places: Iterable[str]) -> dict[str, tuple[Any, Any]]:
    """Return what a table says of routes and what is found today, where the two differ."""
    pairs = {
        place: tuple((cell["works"], cell.get("kind")) for cell in (told["cells"][place], row["cells"][place]))
        for place in places
    }
    return {place: pair for place, pair in pairs.items() if pair[0] != pair[1]}


class RoutesSuite:
    """Subclass it with the zoo.

    Attributes:
        zoo: Of the page.
        versions: What the page names besides the processor.
    """

    zoo: Zoo
    versions: frozenset[str]

    @pytest.fixture
    def facts(self) -> dict[str, Any]:
        return read(self.zoo)

    @pytest.fixture
    def registry(self) -> Registry:
        return nav.load_plugins()

    def test_the_page_is_what_its_facts_give(self, facts: dict[str, Any]) -> None:
        assert render(facts, self.zoo) == self.zoo.page.read_text("utf-8")

    def test_every_model_of_the_zoo_is_in_the_table(self, facts: dict[str, Any]) -> None:
        assert list(self.zoo.models) == list(facts["models"])

    def test_every_tool_that_is_registered_is_in_the_table_or_left_out_with_a_reason(
        self, facts: dict[str, Any], registry: Registry
    ) -> None:
        told = {name for route in facts["routes"] for name in (*route["route"].split("/"), route["runner"])}
        told |= {name for name, reason in facts["left_out"].items() if reason}
        plan = plan_of(every_tool(registry, self.zoo), self.zoo)

        assert [] == [omission.subject for omission in plan.omissions if omission.subject not in told]
        left_out = set(facts["left_out"])
        assert {subject(route) for route in facts["routes"]} >= {
            trial.subject for trial in plan.trials if not {*trial.route.edges, trial.runner.name} & left_out
        }

    def test_no_route_is_in_the_table_that_is_not_registered(self, facts: dict[str, Any], registry: Registry) -> None:
        ours = every_tool(registry, self.zoo)
        known = {tool.name for tool in (*ours.edges, *ours.runners)} | {self.zoo.source.name}

        assert [] == [
            subject(route) for route in facts["routes"] if not {*route["route"].split("/"), route["runner"]} <= known
        ]

    def test_every_route_of_a_model_has_a_cell(self, facts: dict[str, Any]) -> None:
        expected = {subject(route) for route in facts["routes"]}

        assert dict.fromkeys(facts["models"], expected) == {
            name: set(model["cells"]) for name, model in facts["models"].items()
        }

    def test_what_works_is_within_the_tolerance_of_its_precision(self, facts: dict[str, Any]) -> None:
        beyond = {}
        for name, model in facts["models"].items():
            for route in facts["routes"]:
                cell = model["cells"][subject(route)]
                tolerances = (default_tolerance(dtype, route["precision"]) for dtype in model["outputs"].values())
                limit = max(tolerance.scale + tolerance.rtol for tolerance in tolerances)
                if cell["works"] and not (math.isfinite(cell["max_error"]) and cell["max_error"] <= limit):
                    beyond[name, subject(route)] = cell["max_error"]

        assert {} == beyond

    def test_the_source_works_as_it_is_given(self, facts: dict[str, Any]) -> None:
        first = subject(facts["routes"][0])

        assert facts["routes"][0]["route"] == self.zoo.source.name
        assert [] == [name for name, model in facts["models"].items() if not model["cells"][first]["works"]]

    def test_what_does_not_work_says_why_in_one_sentence(self, facts: dict[str, Any]) -> None:
        failed = {
            (name, place): cell
            for name, model in facts["models"].items()
            for place, cell in model["cells"].items()
            if not cell["works"]
        }

        assert {} == {place: cell["kind"] for place, cell in failed.items() if cell["kind"] not in EXPLAINED}
        assert {} == {place: cell["reason"] for place, cell in failed.items() if not is_sentence(cell["reason"])}

    def test_the_page_names_the_versions_it_holds_for(self, facts: dict[str, Any]) -> None:
        assert {*self.versions, "processor"} <= set(facts["environment"])

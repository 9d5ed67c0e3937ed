"""A page of routes and models, from the facts in the JSON file beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo import Zoo

__all__ = ["render"]

_HEAD = """\
# {title} models and routes

Which way to run a {title} model works for which kind of model, on a CPU. `python -m nox -s {name}_routes` makes this
page and the same facts as JSON beside it; tests compare the two, compare them with the tools that the plugins have, and
try some models again.

A cell is the largest error of any output, relative to the largest value of that output, over all samples and batch
sizes compared; `exact` is no error at all. After it stand the sizes that the artifact is good for, where it has limits.
A number in brackets leads to the reason why the route does not work for the model. What only stands in for another
route in a normal run is tried here all the same.
"""

_SIZES = {
    "full": "The models have the size that one uses.",
    "tiny": "The models are the tiny ones of the zoo, that the tests run; `--size full` makes this page for those of "
    "real size.",
}


def render(facts: Mapping[str, Any], zoo: Zoo) -> str:
    """Return the page."""
    names = list(facts["models"])
    reasons = _Reasons()
    rows = [
        [_label(route), *(_cell(facts["models"][name], route, reasons) for name in names)] for route in facts["routes"]
    ]
    parts = [
        f"{_HEAD.format(title=zoo.title, name=zoo.name)}\n{_SIZES[facts['size']]}",
        "## Models",
        _table(["model", "what it is", "compared at batch sizes"], [_model(name, facts) for name in names]),
        "## What works",
        _table(["route on runner", *(f"`{name}`" for name in names)], rows),
        *_remarks(facts["routes"], zoo),
        "## Reasons",
        reasons.listed(),
        "## Not tried",
        _table(["what", "why"], _left_out(facts["left_out"])),
        "## Versions",
        _table(["what", "version or kind"], [[name, _safe(value)] for name, value in facts["environment"].items()]),
    ]
    return "\n\n".join(parts) + "\n"


class _Reasons:
    """Reasons in order of appearance, with the steps that failed for them."""

    def __init__(self) -> None:
        self._steps: dict[str, dict[str, None]] = {}

    def number(self, step: str, reason: str) -> int:
        self._steps.setdefault(reason, {})[step] = None
        return list(self._steps).index(reason) + 1

    def listed(self) -> str:
        lines = [
            f"{number}. {', '.join(f'`{step}`' for step in steps)}: {_safe(reason)}"
            for number, (reason, steps) in enumerate(self._steps.items(), start=1)
        ]
        return "\n".join(lines) or "Everything works."


def _left_out(reasons: Mapping[str, str]) -> list[list[str]]:
    """Return one row per reason."""
    names: dict[str, list[str]] = {}
    for name, reason in sorted(reasons.items()):
        names.setdefault(reason, []).append(f"`{name}`")
    return [[", ".join(those), _safe(reason)] for reason, those in names.items()]


def _model(name: str, facts: Mapping[str, Any]) -> list[str]:
    model = facts["models"][name]
    return [f"`{name}`", _safe(model["told"]), ", ".join(map(str, model["compared_at"])) or "as given"]


def _label(route: Mapping[str, Any]) -> str:
    marks = ("¹" if route["fallback"] else "") + ("²" if route["deprecated"] else "")
    lowered = f", {route['precision']}" if route["precision"] else ""
    return f"`{route['route']}` on `{route['runner']}`{lowered}{marks}"


def _cell(model: Mapping[str, Any], route: Mapping[str, Any], reasons: _Reasons) -> str:
    cell = model["cells"][f"{route['route']} on {route['runner']}"]
    if not cell["works"]:
        return f"[{reasons.number(cell['step'], cell['reason'])}]"
    error = f"{cell['max_error']:.0e}" if cell["max_error"] else "exact"
    return f"{error}; {cell['good_for']}" if cell["good_for"] else error


def _remarks(routes: list[Mapping[str, Any]], zoo: Zoo) -> list[str]:
    remarks = []
    if any(route["fallback"] for route in routes):
        remarks.append(
            "¹ stands in for another route: it is tried in a normal run where no other one gives its format."
        )
    if any(route["deprecated"] for route in routes):
        remarks.append(f"² uses what {zoo.title} is about to drop; it is not chosen on a tie.")
    return remarks


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def _safe(text: str) -> str:
    """Return text that Markdown shows as it is: no cell ends in it, no tag, link or emphasis begins."""
    for sign in "\\`*_<[|":
        text = text.replace(sign, f"\\{sign}")
    return text

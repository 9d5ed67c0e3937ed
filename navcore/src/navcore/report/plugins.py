"""What is installed: each plugin, its version, what it adds, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import attrs
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from navcore.contracts import Edge, Runner, Strategy
from navcore.domain import Omission
from navcore.engine.plan import blocked
from navcore.registry import Plugin, Problem, Registry
from navcore.report.troubles import Trouble, left_out, merge, paragraphs

__all__ = ["Inventory", "PluginTools", "inventory", "inventory_json", "inventory_page"]


@attrs.frozen
class PluginTools:
    """What one plugin adds.

    Attributes:
        name: Entry-point name.
        version: Distribution and version.
        edges: As `torch -> onnx`, with the edge's name where it differs from the target's.
        runners: As `OnnxCPU (onnx, cpu)`.
        strategies: Names.
        unavailable: Tools that cannot work on this machine.
    """

    name: str
    version: str
    edges: tuple[str, ...]
    runners: tuple[str, ...]
    strategies: tuple[str, ...]
    unavailable: tuple[Omission, ...]


@attrs.frozen
class Inventory:
    """Every plugin that loaded, and the problems with those that did not, or not wholly."""

    plugins: tuple[PluginTools, ...]
    problems: tuple[Problem, ...]


def inventory(registry: Registry) -> Inventory:
    """Return what the registry holds, by plugin."""
    return Inventory(tuple(_tools(plugin, registry) for plugin in registry.plugins), registry.problems)


def inventory_json(found: Inventory) -> str:
    """Return the inventory as JSON text."""
    return json.dumps(attrs.asdict(found), indent=1) + "\n"


def inventory_page(found: Inventory) -> RenderableType:
    """Return the inventory for people."""
    problems = (
        Trouble("Problems", (f"{problem.plugin} ({problem.version})",), problem.reason, problem.fix)
        for problem in found.problems
    )
    return Group(*(part for plugin in found.plugins for part in _plugin(plugin)), *paragraphs(merge(problems)))


def _tools(plugin: Plugin, registry: Registry) -> PluginTools:
    tools = registry.tools_of(plugin.name)
    return PluginTools(
        name=plugin.name,
        version=plugin.version,
        edges=tuple(_edge(tool) for tool in tools if isinstance(tool, Edge)),
        runners=tuple(_runner(tool) for tool in tools if isinstance(tool, Runner)),
        strategies=tuple(tool.name for tool in tools if isinstance(tool, Strategy)),
        unavailable=tuple(omission for omission in map(blocked, tools) if omission is not None),
    )


def _edge(edge: Edge) -> str:
    arrow = f"{edge.source} -> {edge.target}"
    return arrow if edge.name == edge.target.name else f"{arrow} ({edge.name})"


def _runner(runner: Runner) -> str:
    return f"{runner.name} ({runner.accepts}, {' and '.join(map(str, runner.devices))})"


def _plugin(plugin: PluginTools) -> Iterator[RenderableType]:
    yield Text(f"{plugin.name}  ({plugin.version})", style="bold")
    adds = (("edges", plugin.edges), ("runners", plugin.runners), ("strategies", plugin.strategies))
    for noun, names in adds:
        if names:
            yield _indented(2, f"{noun}: {', '.join(names)}")
    for trouble in left_out(plugin.unavailable):
        yield _indented(2, f"unavailable: {', '.join(trouble.subjects)}")
        yield _indented(4, trouble.reason)
        if trouble.fix:
            yield _indented(4, f"fix: {trouble.fix}")


def _indented(by: int, text: str) -> RenderableType:
    return Padding(Text(text), (0, 0, 0, by), expand=False)

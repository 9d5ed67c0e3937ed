"""The tools at hand: a frozen snapshot, with look-ups whose errors list the alternatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from navcore.contracts import Description, Edge, Model, Runner, Strategy, Tool
from navcore.domain import Event, Names
from navcore.errors import UnknownNameError
from navcore.formats import Format

__all__ = ["Plugin", "Problem", "Registry"]

_SEE_PLUGINS = "run `nav plugins` to see what is installed and what failed to load"


@attrs.frozen
class Problem:
    """Something wrong with an installed plugin.

    Attributes:
        plugin: Its entry-point name.
        version: Distribution and version, or `unknown`.
        reason: What is wrong.
        fix: What to do about it.
    """

    plugin: str
    version: str
    reason: str
    fix: str


@attrs.frozen(eq=False)
class Plugin:
    """A plugin that loaded.

    Attributes:
        name: Entry-point name.
        version: Distribution and version.
        hooks: Names of the hooks that it implements, sorted.
        recognise, describe, fingerprint, hand_over, environment, notify: The hooks, asked of this plugin alone;
            None where it has none.
    """

    name: str
    version: str
    hooks: tuple[str, ...]
    recognise: Callable[[Any], Format | None]
    describe: Callable[[Any, Any, Names], Description | None]
    fingerprint: Callable[[Any], str | None]
    hand_over: Callable[[Model, Path, bool], str | None]
    environment: Callable[[], Mapping[str, str]]
    notify: Callable[[Event], None]


@attrs.frozen(eq=False)
class Registry:
    """Everything that the loaded plugins provide, sorted by name whatever the order of registration.

    Attributes:
        plugins: The plugins that loaded.
        edges: Exporters and converters.
        runners, strategies: The other tools.
        origins: Name of the plugin behind each tool.
        problems: What is wrong with plugins that did not load, or not wholly.
        asked: Tools that lower the precision and that a config of the user's asks for by themselves.
    """

    plugins: tuple[Plugin, ...]
    edges: tuple[Edge, ...]
    runners: tuple[Runner, ...]
    strategies: tuple[Strategy, ...]
    origins: Mapping[Tool, str]
    problems: tuple[Problem, ...]
    asked: frozenset[Tool] = frozenset()

    def formats(self) -> tuple[Format, ...]:
        """Every format that a tool takes or gives, and the well-known ones, sorted by name."""
        known = {value for value in vars(Format).values() if isinstance(value, Format)}
        ends = {end for edge in self.edges for end in (edge.source, edge.target)}
        return tuple(sorted(known | ends | {runner.accepts for runner in self.runners}, key=str))

    def format(self, name: Format | str) -> Format:
        """Return the format of that name.

        Raises:
            UnknownNameError: No tool and no convention knows it.
        """
        by_name = {candidate.name: candidate for candidate in self.formats()}
        if str(name) not in by_name:
            raise UnknownNameError("format", str(name), by_name, _SEE_PLUGINS)
        return by_name[str(name)]

    def runner(self, name: str) -> Runner:
        """Return the runner of that name.

        Raises:
            UnknownNameError: No plugin registered it.
        """
        by_name = {runner.name: runner for runner in self.runners}
        if name not in by_name:
            raise UnknownNameError("runner", name, by_name, f"install the plugin that has it, or {_SEE_PLUGINS}")
        return by_name[name]

    def strategy(self, name: str) -> Strategy:
        """Return the strategy of that name.

        Raises:
            UnknownNameError: No plugin registered it.
        """
        by_name = {strategy.name: strategy for strategy in self.strategies}
        if name not in by_name:
            raise UnknownNameError("strategy", name, by_name, _SEE_PLUGINS)
        return by_name[name]

    def tools_of(self, plugin: str) -> tuple[Tool, ...]:
        """Return the tools that a plugin provides: edges, then runners, then strategies."""
        tools: tuple[Tool, ...] = (*self.edges, *self.runners, *self.strategies)
        return tuple(tool for tool in tools if self.origins[tool] == plugin)

"""An entry point may name a class: every load_plugins() makes an instance of its own, so plugins can keep state."""

from __future__ import annotations

from collections.abc import Callable

from navcore import load_plugins
from navcore.registry import Plugin

Install = Callable[..., None]

COUNTING = """
    import navcore

    class Counting:
        def __init__(self):
            self.calls = 0

        @navcore.hookimpl
        def nav_environment(self):
            self.calls += 1
            return {"calls": str(self.calls)}

    class NeedsArgument:
        def __init__(self, width): ...
"""


def _counting() -> Plugin:
    (plugin,) = (plugin for plugin in load_plugins().plugins if plugin.name == "counting")
    return plugin


def test_a_class_is_instantiated_once_per_load(install: Install) -> None:
    install("counting-plugin", "1.0", COUNTING, navcore={"counting": "counting_plugin:Counting"})
    first, second = _counting(), _counting()

    assert [{"calls": "1"}, {"calls": "2"}] == [first.environment(), first.environment()]
    assert {"calls": "1"} == second.environment()


def test_a_class_that_needs_arguments_is_a_problem_and_not_an_exception(install: Install) -> None:
    install("counting-plugin", "1.0", COUNTING, navcore={"counting": "counting_plugin:NeedsArgument"})
    (problem,) = (problem for problem in load_plugins().problems if problem.plugin == "counting")

    assert "counting-plugin 1.0" == problem.version
    assert "missing 1 required positional argument: 'width'" in problem.reason

"""The tree reads itself: files are named by their job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from navcore import load_plugins
from navcore.contracts import Converter, Exporter, Runner, Tool

VAGUE = {"base", "common", "core", "helper", "impl", "manager", "misc", "shared", "stuff", "util"}
VERBS = {Exporter: "export_", Converter: "convert_", Runner: "run_"}


def test_a_source_file_is_named_by_its_job(source: Path) -> None:
    words = {word.removesuffix("s") for word in source.stem.split("_")}

    assert set() == words & VAGUE


def test_a_source_file_says_its_job_in_its_first_line(source: Path) -> None:
    first = source.read_text("utf-8").split("\n", 1)[0]

    assert first.startswith('"""')
    assert len(first.strip('"')) > len("Job.")


def test_a_tool_of_a_plugin_package_lives_in_a_file_named_by_its_verb(plugins: list[Any]) -> None:
    packages = {module for plugin in plugins for module in plugin.modules if (plugin.folder / "src" / module).is_dir()}
    registry = load_plugins()
    tools = [tool for tool in (*registry.edges, *registry.runners) if type(tool).__module__.split(".")[0] in packages]

    assert [] == [f"{tool.name} in {type(tool).__module__}" for tool in tools if not _lives_by_its_verb(tool)]


def test_every_distribution_has_tests(distribution: Any, root: Path) -> None:
    assert list((root / "tests" / distribution.folder.name).rglob("test_*.py"))


def _lives_by_its_verb(tool: Tool) -> bool:
    verb = next(verb for kind, verb in VERBS.items() if isinstance(tool, kind))
    verbs = (verb, "pass_") if isinstance(tool, Converter) and tool.is_pass else (verb,)
    return type(tool).__module__.rpartition(".")[2].startswith(verbs)

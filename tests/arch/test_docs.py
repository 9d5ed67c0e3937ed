"""The documentation says what the code says."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from packaging.requirements import Requirement

import navcore
from navcore import hookspecs
from navcore.domain import OptimizationProfile
from navcore.engine.compare import DEFAULTS
from navcore.known import FIRST_PARTY

COMMANDS = (
    *("optimize", "plan", "plugins", "show", "why", "save", "verify", "run", "compare"),
    *("cache list", "cache gc", "cache clear"),
)
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
_FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


def _hooks() -> list[ast.FunctionDef]:
    tree = ast.parse(inspect.getsource(hookspecs))
    return [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("nav_")]


def _section(text: str, title: str) -> str:
    """The part of a page from the heading to the next one of its level."""
    _, found, rest = text.partition(f"\n## {title}\n")

    assert found, f"no section {title!r}"
    return rest.partition("\n## ")[0]


def _python(page: Path) -> list[str]:
    """The blocks of Python in a page."""
    return [code for language, code in _FENCE.findall(page.read_text("utf-8")) if language == "python"]


def _rows(text: str) -> list[list[str]]:
    """Cells of the tables in a text, without heads and rules."""
    lines = [line.strip("| \n") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    rules = {index for index, row in enumerate(cells) if set("".join(row)) <= set("-: ")}
    return [row for index, row in enumerate(cells) if index not in rules and index + 1 not in rules]


@pytest.mark.parametrize("hook", _hooks(), ids=lambda hook: hook.name)
def test_a_hook_is_documented_with_its_exact_signature_and_first_sentence(hook: ast.FunctionDef, root: Path) -> None:
    section = _section((root / "docs/hooks.md").read_text("utf-8"), f"`{hook.name}`")
    returns = ast.unparse(hook.returns) if hook.returns else ""

    assert f"\ndef {hook.name}({ast.unparse(hook.args)}) -> {returns}\n" in section
    assert (ast.get_docstring(hook) or "").split("\n")[0] in section


def test_no_hook_is_documented_that_does_not_exist(root: Path) -> None:
    headings = re.findall(r"^## `(\w+)`$", (root / "docs/hooks.md").read_text("utf-8"), re.MULTILINE)

    assert [hook.name for hook in _hooks()] == headings


def test_links_to_files_lead_somewhere(page: Path) -> None:
    targets = [target for target in _LINK.findall(page.read_text("utf-8")) if "://" not in target]

    assert [] == [target for target in targets if not (page.parent / target).exists()]


def test_python_in_a_page_is_python(page: Path) -> None:
    for code in _python(page):
        ast.parse(re.sub(r"^(def .*[^:\n])$", r"\1: ...", code, flags=re.MULTILINE))


def test_names_on_navcore_in_a_page_exist(page: Path) -> None:
    if page.name == "migration.md":  # names those that are not there
        return
    code = "\n".join(_python(page))
    names = set(re.findall(r"\b(?:nav|navcore)\.([A-Za-z_]+)", code)) - {"contracts", "domain", "testing"}

    assert [] == [name for name in sorted(names) if not hasattr(navcore, name)]


def test_nox_sessions_in_a_page_exist(page: Path, root: Path) -> None:
    functions = [
        node for node in ast.parse((root / "noxfile.py").read_text("utf-8")).body if isinstance(node, ast.FunctionDef)
    ]
    sessions = {node.name for node in functions if node.decorator_list}

    assert set() == set(re.findall(r"\bnox (?:-\w )*-s (\w+)", page.read_text("utf-8"))) - sessions


def test_the_readme_shows_the_two_set_up_commands(root: Path) -> None:
    lines = (root / "README.md").read_text("utf-8").splitlines()

    assert "python -m pip install nox && python -m nox -s demo" in lines
    assert "python -m nox -s tests" in lines


def test_the_readme_needs_fifteen_lines_of_python(root: Path) -> None:
    (code,) = (
        code for language, code in _FENCE.findall((root / "README.md").read_text("utf-8")) if language == "python"
    )

    assert len([line for line in code.splitlines() if line.strip()]) <= 15


def test_the_readme_lists_every_plugin(plugin: Any, root: Path) -> None:
    names = [row[0] for row in _rows(_section((root / "README.md").read_text("utf-8"), "Plugins"))]
    link = f"[{plugin.project['name']}]({plugin.folder.relative_to(root).as_posix()}/README.md)"

    assert link in names


def test_known_distributions_are_here_or_planned(plugins: list[Any], root: Path) -> None:
    matrix = (root / "docs/support-matrix.md").read_text("utf-8")
    here = {plugin.project["name"] for plugin in plugins}

    assert [] == [
        each.distribution for each in FIRST_PARTY.values() if each.distribution not in here | _planned(matrix)
    ]


def _planned(matrix: str) -> set[str]:
    return {row[-1] for row in _rows(_section(matrix, "Planned"))}


def test_the_support_matrix_lists_every_tool_of_the_plugins_here(root: Path, plugins: list[Any]) -> None:
    rows = {
        row[0].strip("`"): row for row in _rows(_section((root / "docs/support-matrix.md").read_text(), "What works"))
    }
    registry = navcore.load_plugins()
    ours = {"navcore.python", *(name for plugin in plugins for name in plugin.project["entry-points"]["navcore"])}
    edges = [edge for edge in registry.edges if registry.origins[edge] in ours]
    runners = [runner for runner in registry.runners if registry.origins[runner] in ours]

    assert [] == [edge.name for edge in edges if f"`{edge.name}`" not in rows[edge.target.name][1]]
    assert [] == [runner.name for runner in runners if f"`{runner.name}`" not in rows[runner.accepts.name][2]]
    listed = {name for row in rows.values() for name in re.findall(r"`([\w-]+)`", row[2])}
    assert listed == {runner.name for runner in runners}


def test_the_support_matrix_gives_the_floors(root: Path, plugins: list[Any]) -> None:
    rows = _rows(_section((root / "docs/support-matrix.md").read_text("utf-8"), "Versions"))
    floors = {
        (requirement.name, part.version)
        for plugin in plugins
        for text in (*plugin.project["dependencies"], *plugin.project.get("optional-dependencies", {}).get("cpu", ()))
        for requirement in [Requirement(text)]
        for part in requirement.specifier
        if part.operator == ">="
    }

    assert set() == {(name, floor) for name, floor, _ in rows} - floors


def test_the_default_tolerances_are_documented(root: Path) -> None:
    rows = _rows(_section((root / "docs/measuring.md").read_text("utf-8"), "Does it compute the same?"))

    assert {name: (each.scale, each.rtol) for name, each in DEFAULTS.items()} == {
        name: (float(scale), float(rtol)) for name, scale, rtol in rows
    }


def test_the_defaults_of_a_profile_are_documented(root: Path) -> None:
    rows = _rows(_section((root / "docs/measuring.md").read_text("utf-8"), "How fast is it?"))

    assert [[f"`{field.name}`", str(field.default)] for field in attrs.fields(OptimizationProfile)] == rows


def test_the_example_in_the_guide_is_the_example(root: Path) -> None:
    example = (root / "plugins/example/src/navcore_example.py").read_text("utf-8")

    assert f"```python\n{example}```" in (root / "docs/writing-a-plugin.md").read_text("utf-8")


def test_words_are_explained_once(root: Path) -> None:
    words = [row[0] for row in _rows((root / "docs/concepts.md").read_text("utf-8").partition("\n## ")[0])]

    assert sorted(set(words), key=words.index) == words
    assert {"Format", "Tool", "Route", "Plan", "Artifact", "Strategy", "Workspace", "Package"} <= set(words)


def test_strategies_are_explained(root: Path) -> None:
    rows = _rows(_section((root / "docs/concepts.md").read_text("utf-8"), "Strategies"))
    registry = navcore.load_plugins(installed=False)

    assert {strategy.name for strategy in registry.strategies} == {row[0].strip("`") for row in rows}


def _help(*command: str) -> str:
    # Wide, so that no option is cut; without colours.
    env = {**os.environ, "COLUMNS": "300", "TERM": "dumb", "NO_COLOR": "1"}
    arguments = [sys.executable, "-c", "from navcore.cli import main; main()", *command, "--help"]
    result = subprocess.run(arguments, capture_output=True, text=True, env=env, check=False)

    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_documented_and_no_other(command: str, root: Path) -> None:
    section = _section((root / "docs/cli.md").read_text("utf-8"), f"`nav {command}`")
    documented = {option for row in _rows(section) for option in _long(row[0])}
    options = _help(*command.split()).partition("\nOptions:\n")[2]
    offered = {option for line in re.findall(r"^ +(-.*?)(?:  |$)", options, re.MULTILINE) for option in _long(line)}

    assert offered - {"--help"} == documented


def _long(text: str) -> list[str]:
    return re.findall(r"--[a-z][a-z-]*", text)


def test_every_command_is_documented(root: Path) -> None:
    headings = re.findall(r"^## `nav ([\w ]+)`$", (root / "docs/cli.md").read_text("utf-8"), re.MULTILINE)
    pages = {command: _help(*command.split()[:-1]) for command in COMMANDS}

    assert set(COMMANDS) == set(headings)
    assert [] == [
        command
        for command, page in pages.items()
        if not re.search(rf"^[\s│|]*{command.split()[-1]}\b", page, re.MULTILINE)
    ]

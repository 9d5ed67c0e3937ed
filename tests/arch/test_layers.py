"""Imports point down the layers, and plugins know only the public part of navcore."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

CLOSED = ("navcore.collect.", "navcore.engine.", "navcore.plugins.", "navcore.registry.", "navcore.store.")


def test_the_import_contracts_hold(root: Path) -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_plugin_is_under_every_contract(settings: dict[str, Any], plugins: list[Any]) -> None:
    # One-file plugins are no packages, which import-linter cannot take; the test below reads them.
    packages = {module for plugin in plugins for module in plugin.modules if (plugin.folder / "src" / module).is_dir()}
    linter = settings["tool"]["importlinter"]
    contracts = {contract["name"]: contract for contract in linter["contracts"]}

    assert {"navcore", *packages} == set(linter["root_packages"])
    assert packages == set(contracts["No plugin imports another"]["modules"])
    assert packages == set(contracts["navcore knows no plugin"]["forbidden_modules"])
    assert packages == set(contracts["Plugins use the public part of navcore"]["source_modules"])


def test_every_plugin_is_type_checked(settings: dict[str, Any], plugins: list[Any], root: Path) -> None:
    sources = {f"{plugin.folder.relative_to(root).as_posix()}/src" for plugin in plugins}

    assert {"navcore/src", *sources} == set(settings["tool"]["mypy"]["mypy_path"])


def test_a_plugin_imports_no_other_and_no_inside_of_navcore(plugin: Any, plugins: list[Any]) -> None:
    others = {module for other in plugins if other.folder != plugin.folder for module in other.modules}
    imported = [name for path in sorted((plugin.folder / "src").rglob("*.py")) for name in _imports(path)]

    assert [] == [name for name in imported if name.split(".")[0] in others]
    assert [] == [name for name in imported if f"{name}.".startswith(CLOSED)]


def _imports(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names

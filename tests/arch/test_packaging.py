"""Distributions: one version, floors for every requirement, entry points that exist."""

from __future__ import annotations

from importlib.metadata import distribution as installed
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

TABLES = {"build-system", "project", "dependency-groups", "tool"}


def test_the_root_holds_tool_configuration_only(settings: dict[str, Any]) -> None:
    assert ["tool"] == list(settings)


def test_every_distribution_has_the_same_static_version(distribution: Any, plugins: list[Any], root: Path) -> None:
    version = distribution.project["version"]

    assert "dynamic" not in distribution.project
    assert {version} == {plugin.project["version"] for plugin in plugins}
    assert version == installed(distribution.project["name"]).version


def test_every_distribution_is_built_and_licensed_alike(distribution: Any) -> None:
    assert TABLES >= set(distribution.tables)
    assert {"hatch"} >= set(distribution.tables.get("tool", {}))
    assert "hatchling.build" == distribution.tables["build-system"]["build-backend"]
    assert ("Apache-2.0", ">=3.10") == (distribution.project["license"], distribution.project["requires-python"])
    assert (distribution.folder / distribution.project["readme"]).is_file()


def test_every_wheel_carries_the_licence(distribution: Any, root: Path) -> None:
    text = (root / "LICENSE").read_text("utf-8")

    assert "Apache License" in text.splitlines()[0]
    assert text == (distribution.folder / "LICENSE").read_text("utf-8")


def test_every_requirement_has_a_floor(distribution: Any) -> None:
    without = [text for text in _requirements(distribution) if not _has_floor(Requirement(text))]

    assert [] == without


def test_a_plugin_needs_the_navcore_that_it_comes_with(plugin: Any) -> None:
    assert f"navcore~={plugin.project['version']}" in plugin.project["dependencies"]


# Engines are built from ONNX files, so whoever installs the one gets the other; its code imports nothing of it.
BRINGS = {"nav-trt": {"nav-onnx"}}


def test_a_plugin_needs_no_other_plugin_to_install(plugin: Any, plugins: list[Any]) -> None:
    name = plugin.project["name"]
    others = {other.project["name"] for other in plugins} - {name} - BRINGS.get(name, set())

    assert set() == others & {Requirement(text).name for text in plugin.project["dependencies"]}


def test_every_plugin_registers_itself(plugin: Any) -> None:
    assert plugin.project["entry-points"]["navcore"]


def test_every_entry_point_leads_somewhere(distribution: Any) -> None:
    entry_points = installed(distribution.project["name"]).entry_points

    assert [] != [entry_point.name for entry_point in entry_points if entry_point.load() is not None]


def test_the_one_pytorch_is_pinned(root: Path) -> None:
    lines = (root / "constraints.txt").read_text("utf-8").splitlines()
    (pin,) = (line for line in lines if not line.startswith("#"))

    assert "torch==2.13.0" == pin


@pytest.mark.parametrize("name", ["lint", "types", "arch", "tests"])
def test_ci_runs_what_a_newcomer_runs(root: Path, name: str) -> None:
    script = (root / ".ci/run").read_text("utf-8")

    assert name in [word for line in script.splitlines() if "python -m nox -s" in line for word in line.split()]


def _requirements(distribution: Any) -> list[str]:
    project = distribution.project
    groups = (
        *project.get("optional-dependencies", {}).values(),
        *distribution.tables.get("dependency-groups", {}).values(),
    )
    return [
        *distribution.tables["build-system"]["requires"],
        *project["dependencies"],
        *(text for group in groups for text in group),
    ]


def _has_floor(requirement: Requirement) -> bool:
    return any(part.operator in (">=", "~=", "==") for part in requirement.specifier)

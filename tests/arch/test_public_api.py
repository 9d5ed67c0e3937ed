"""What is public says so, exists, and has a docstring."""

from __future__ import annotations

import importlib
import inspect
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import navcore
from navcore.errors import UnknownNameError

# A plugin's table of contents holds hooks, which pluggy finds by their marker; nobody imports names from it.
TABLE_OF_CONTENTS = "plugin"
# What users are given, and never construct.
GIVEN = ("Package", "ProfilingResults")


def _module(source: Path) -> types.ModuleType:
    parts = source.with_suffix("").parts
    dotted = parts[len(parts) - parts[::-1].index("src") :]
    return importlib.import_module(".".join(part for part in dotted if part != "__init__"))


def test_every_module_lists_its_public_names(source: Path) -> None:
    if source.stem in (TABLE_OF_CONTENTS, "__main__") or not (source.parent / "__init__.py").exists():
        return
    module = _module(source)
    defined = [name for name in vars(module) if not name.startswith("_") and name != "annotations"]
    if not defined or all(isinstance(vars(module)[name], types.ModuleType) for name in defined):
        return
    listed = getattr(module, "__all__", None)

    assert listed is not None, f"{module.__name__} has public names and no __all__"
    assert [] == [name for name in listed if not hasattr(module, name)]
    assert len(set(listed)) == len(listed)


def test_the_names_of_navcore_are_sorted() -> None:
    assert sorted(navcore.__all__) == list(navcore.__all__)


@pytest.mark.parametrize("name", navcore.__all__)
def test_every_name_of_navcore_is_documented(name: str) -> None:
    value = getattr(navcore, name)

    assert inspect.getdoc(value)


def test_star_gives_exactly_the_listed_names() -> None:
    namespace: dict[str, object] = {}
    exec("from navcore import *", namespace)

    assert set(navcore.__all__) == set(namespace) - {"__builtins__"}


def _calls(module: types.ModuleType) -> Iterator[Callable[..., Any]]:
    """Yield what users call with options: functions, classes of attrs, and methods of what they are given."""
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isfunction(value) or (attrs.has(value) and name not in GIVEN):
            yield value
        elif inspect.ismodule(value) and hasattr(value, "__all__") and value is not navcore.errors:
            yield from _calls(value)


@pytest.mark.parametrize(
    "call",
    [*_calls(navcore), *(getattr(navcore.Package, name) for name in ("get_runner", "load_source_model"))],
    ids=lambda call: call.__qualname__,
)
def test_what_users_call_suggests_the_nearest_name_of_an_option(call: Callable[..., Any]) -> None:
    with pytest.raises(UnknownNameError, match="named 'no_such_option'; known: "):
        call(no_such_option=1)


def test_what_users_call_of_a_plugin_suggests_the_nearest_name_of_an_option(plugin: Any) -> None:
    for module in map(importlib.import_module, plugin.modules):
        for call in _calls(module) if hasattr(module, "__all__") else ():
            with pytest.raises(UnknownNameError, match="named 'no_such_option'; known: "):
                call(no_such_option=1)

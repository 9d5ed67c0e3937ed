"""A tool as data, and back: how a tool travels to a worker without pickle."""

from __future__ import annotations

import enum
import importlib
from collections.abc import Mapping
from typing import Any

import attrs

from navcore.contracts import Tool
from navcore.formats import Format, Risk

__all__ = ["NotPortableError", "load", "reference_of", "tool_from"]


class NotPortableError(ValueError):
    """A tool cannot be rebuilt from its class path and its options."""


def reference_of(tool: Tool) -> dict[str, Any]:
    """Return the tool's class path and its options, as JSON-ready data from which an equal tool can be made.

    Raises:
        NotPortableError: The class cannot be imported by name, or an option is not plain data.
    """
    kind = type(tool)
    path = f"{kind.__module__}:{kind.__qualname__}"
    if kind.__module__ == "__main__" or "<locals>" in kind.__qualname__:
        raise NotPortableError(f"{path} cannot be imported by name")
    fields = [field for field in attrs.fields(kind) if field.init]
    options = {field.name.lstrip("_"): _to_data(getattr(tool, field.name)) for field in fields}
    data = {"class": path, "options": options}
    try:
        same = tool_from(data) == tool
    except Exception as error:  # a stranger's class may raise anything
        raise NotPortableError(f"{path} cannot be made again: {type(error).__name__}: {error}") from error
    if not same:
        raise NotPortableError(f"{path} made again from its options is another tool")
    return data


def tool_from(data: Mapping[str, Any]) -> Tool:
    """Return the tool that `reference_of` described."""
    tool = load(data["class"])(**{name: _from_data(value) for name, value in data["options"].items()})
    if not isinstance(tool, Tool):
        raise TypeError(f"{data['class']} is no tool")
    return tool


def load(path: str) -> Any:
    """Return what `module:name` names."""
    module, _, qualified = path.partition(":")
    found: Any = importlib.import_module(module)
    for name in qualified.split("."):
        found = getattr(found, name)
    return found


def _to_data(value: Any) -> Any:
    if isinstance(value, Format):
        return {"format": [value.name, value.suffix, value.live, value.risk.value]}
    if isinstance(value, enum.Enum):
        return {"enum": f"{type(value).__module__}:{type(value).__qualname__}", "value": value.value}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return [_to_data(item) for item in value]
    raise NotPortableError(f"{value!r} is not plain data")


def _from_data(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_from_data(item) for item in value)
    if isinstance(value, dict) and "format" in value:
        name, suffix, live, risk = value["format"]
        return Format(name, suffix=suffix, live=live, risk=Risk(risk))
    if isinstance(value, dict):
        return load(value["enum"])(value["value"])
    return value

"""Values as Python source, for scripts that make them again."""

from __future__ import annotations

import enum
import math
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from navcore.formats import Format, Risk

__all__ = ["NotLiteralError", "Writer"]

_PLAIN = (bool, int, float, str, bytes, type(None))
_WIDEST = 88


class NotLiteralError(ValueError):
    """A value has no expression that makes it again."""


@attrs.define
class Writer:
    """Writes expressions, and keeps the imports that they need.

    Names of navcore's own are imported one by one; others are written with their module, so that none hides another.

    Attributes:
        imports: Import statements.
    """

    imports: set[str] = attrs.field(factory=set)

    def tool(self, reference: Mapping[str, Any]) -> str:
        """Return a tool from its reference: `{"class": "module:QualName", "options": {...}}`.

        In options a format is `{"format": name}` or `{"format": [name, suffix, live, risk]}`, a member of an Enum is
        `{"enum": "module:QualName", "value": ...}`, and a list stands for a tuple.
        """
        options = {name: self._option(value) for name, value in reference["options"].items()}
        return _call(self.named(reference["class"]), (f"{name}={text}" for name, text in options.items()))

    def value(self, value: Any) -> str:
        """Return an expression for a value: plain data, formats, enums, classes, and attrs records of such.

        Raises:
            NotLiteralError: There is none.
        """
        if isinstance(value, Format):
            return self._format([value.name, value.suffix, value.live, value.risk.value])
        if isinstance(value, enum.Enum):
            return f"{self._class(type(value))}({self.value(value.value)})"
        if isinstance(value, type):
            return self._class(value)
        if type(value) in _PLAIN:
            return _quoted(value)
        if type(value) in (tuple, list):
            return self._sequence([self.value(item) for item in value], type(value))
        if type(value) is dict:
            return _call("", (f"{self.value(key)}: {self.value(item)}" for key, item in value.items()), "{}")
        if attrs.has(type(value)):
            fields = [field for field in attrs.fields(type(value)) if field.init]
            parts = (f"{field.alias}={self.value(getattr(value, field.name))}" for field in fields)
            return _call(self._class(type(value)), parts)
        raise NotLiteralError(f"a {type(value).__module__}.{type(value).__qualname__} cannot be written as source")

    def named(self, path: str) -> str:
        """Return the dotted name of `module:QualName`."""
        module, _, name = path.partition(":")
        if module == "__main__" or "<" in name:
            raise NotLiteralError(f"{path} cannot be imported")
        if module == "builtins":
            return name
        for own in ("navcore.domain", "navcore.formats"):
            if f"{module}.".startswith(f"{own}."):
                self.imports.add(f"from {own} import {name}")
                return name
        self.imports.add(f"import {module}")
        return f"{module}.{name}"

    def _class(self, kind: type) -> str:
        return self.named(f"{kind.__module__}:{kind.__qualname__}")

    def _option(self, data: Any) -> str:
        if isinstance(data, list):
            return self._sequence([self._option(item) for item in data], tuple)
        if isinstance(data, Mapping) and "format" in data:
            return self._format(data["format"])
        if isinstance(data, Mapping):
            return f"{self.named(data['enum'])}({self._option(data['value'])})"
        return self.value(data)

    def _format(self, data: Any) -> str:
        name = data if isinstance(data, str) else data[0]
        known = {value.name: key for key, value in vars(Format).items() if isinstance(value, Format)}
        made = self._class(Format)
        if name in known:
            return f"{made}.{known[name]}"
        if isinstance(data, str):
            return f"{made}({_quoted(name)})"
        _, suffix, live, risk = data
        kind = f"{self._class(Risk)}({_quoted(risk)})"
        return _call(made, (_quoted(name), f"suffix={_quoted(suffix)}", f"live={live!r}", f"risk={kind}"))

    @staticmethod
    def _sequence(items: list[str], kind: type) -> str:
        return _call(
            "", [f"{items[0]},"] if len(items) == 1 and kind is tuple else items, "()" if kind is tuple else "[]"
        )


def _quoted(value: Any) -> str:
    """Return plain data as people write it."""
    if type(value) is float and not math.isfinite(value):
        return f'float("{value}")'
    text = repr(value)
    return f'"{text[1:-1]}"' if type(value) is str and text.isascii() and not set(text[1:-1]) & set("\"'\\") else text


def _call(name: str, parts: Iterable[str], brackets: str = "()") -> str:
    """Return a call or display: on one line where it is short, or else one part a line."""
    parts = tuple(parts)
    line = f"{name}{brackets[0]}{', '.join(parts)}{brackets[1]}"
    if len(line) <= _WIDEST and "\n" not in line:
        return line
    inner = textwrap.indent(",\n".join(part.removesuffix(",") for part in parts), "    ")
    return f"{name}{brackets[0]}\n{inner},\n{brackets[1]}"

"""From what plugins claim to the tools that count: checked, without duplicates, in one order."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import attrs

import navcore.hookspecs as hookspecs
from navcore.contracts import Converter, Edge, Exporter, Runner, Strategy, Tool
from navcore.errors import nearest
from navcore.formats import Format
from navcore.known import FIRST_PARTY
from navcore.registry import Problem

__all__ = ["Claim", "Collected", "collect", "nearest_hook"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_RETURNS: Mapping[str, type[Tool]] = {
    "nav_exporters": Exporter,
    "nav_converters": Converter,
    "nav_runners": Runner,
    "nav_strategies": Strategy,
}


@attrs.frozen
class Claim:
    """One thing that a plugin's registration hook returned."""

    plugin: str
    version: str
    hook: str
    item: Any


@attrs.frozen
class Collected:
    """Tools that count, and problems with those that do not."""

    edges: tuple[Edge, ...]
    runners: tuple[Runner, ...]
    strategies: tuple[Strategy, ...]
    origins: Mapping[Tool, str]
    problems: tuple[Problem, ...]


def collect(claims: Iterable[Claim]) -> Collected:
    """Keep what is a tool and whose name is free; the order of the claims does not matter.

    A name belongs to navcore first, then to first-party plugins, then to the plugin whose name sorts first.
    """
    taken: dict[Hashable, Claim] = {}
    formats: dict[str, Format] = {}
    problems: list[Problem] = []
    for claim in sorted(claims, key=_rank):
        problem = _wrong_type(claim) or _format_conflict(claim, formats) or _duplicate(claim, taken)
        if problem:
            problems.append(Problem(claim.plugin, claim.version, *problem))
            continue
        taken[_key(claim.item)] = claim
        formats.update({end.name: end for end in _formats(claim.item)})
    tools = sorted((claim.item for claim in taken.values()), key=lambda tool: (tool.name, str(_key(tool))))
    return Collected(
        edges=tuple(tool for tool in tools if isinstance(tool, Edge)),
        runners=tuple(tool for tool in tools if isinstance(tool, Runner)),
        strategies=tuple(tool for tool in tools if isinstance(tool, Strategy)),
        origins={claim.item: claim.plugin for claim in taken.values()},
        problems=tuple(problems),
    )


def _rank(claim: Claim) -> tuple[int, str, str, str, str]:
    distribution = claim.version.partition(" ")[0]
    ours = distribution in {entry.distribution for entry in FIRST_PARTY.values()}
    order = 0 if distribution == "navcore" else 1 if ours else 2
    return order, claim.plugin, claim.hook, str(getattr(claim.item, "name", "")), _text(claim.item)


def _text(item: object) -> str:
    try:
        return repr(item)
    except Exception:  # a stranger's repr may raise anything
        return f"<{type(item).__name__}>"


def _wrong_type(claim: Claim) -> tuple[str, str] | None:
    wanted = _RETURNS[claim.hook]
    if not isinstance(claim.item, wanted):
        reason = f"`{claim.hook}` returned {_text(claim.item)}, which is not a {wanted.__name__}"
        return reason, f"return instances of navcore.contracts.{wanted.__name__}; correct or uninstall the plugin"
    if not isinstance(claim.item.name, str) or not _NAME.fullmatch(claim.item.name):
        reason = f"`{claim.hook}` returned a tool named {claim.item.name!r}, which cannot be part of a file name"
        return reason, "name it with up to 64 ASCII letters, digits and `._+-`, the first a letter or a digit"
    try:
        hash(claim.item)
    except TypeError as error:
        reason = f"`{claim.hook}` returned {claim.item.name!r}, which cannot be hashed: {error}"
        return reason, "decorate the class with `attrs.frozen(kw_only=True)` and use tuples for lists"
    return None


def _format_conflict(claim: Claim, formats: Mapping[str, Format]) -> tuple[str, str] | None:
    known = {value.name: value for value in vars(Format).values() if isinstance(value, Format)} | dict(formats)
    for end in _formats(claim.item):
        other = known.get(end.name, end)
        if attrs.astuple(other) != attrs.astuple(end):
            reason = f"{claim.item.name!r} uses the format {end.name!r} as {end!r}, known as {other!r}"
            return reason, "give the format another name, or the same suffix, live and risk"
    return None


def _duplicate(claim: Claim, taken: Mapping[Hashable, Claim]) -> tuple[str, str] | None:
    other = taken.get(_key(claim.item))
    if other is None:
        return None
    reason = f"the name {claim.item.name!r} in `{claim.hook}` is taken by plugin {other.plugin!r} ({other.version})"
    return reason, f"rename it in {claim.plugin!r}, or uninstall one of the two"


def _key(tool: Tool) -> Hashable:
    if isinstance(tool, Edge):
        return "edge", tool.source.name, tool.name
    return "runner" if isinstance(tool, Runner) else "strategy", tool.name


def _formats(tool: Tool) -> tuple[Format, ...]:
    if isinstance(tool, Edge):
        return tool.source, tool.target
    return (tool.accepts,) if isinstance(tool, Runner) else ()


def nearest_hook(name: str) -> str:
    """Return advice for a hook that does not exist."""
    known = sorted(key for key in vars(hookspecs) if key.startswith("nav_"))
    near = nearest(name, known)
    return f"rename it to `{near}`" if near else f"use one of {', '.join(known)}"

"""Names on `navcore` that plugins lend: `nav.torch` is there once nav-torch is installed, and loads on first use."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from navcore.errors import nearest
from navcore.known import FRONT_DOOR

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["GROUP", "lend", "lent_names", "list_names"]

GROUP = "navcore.names"
"""Entry-point group; the entry point's name is the name on `navcore`."""


def lent_names() -> tuple[str, ...]:
    """Return every name that an installed plugin lends, sorted."""
    from importlib.metadata import entry_points

    return tuple(sorted({entry_point.name for entry_point in entry_points(group=GROUP)}))


def list_names() -> list[str]:
    """Return what `dir(navcore)` shows: its own names, and those that installed plugins lend."""
    return sorted({*vars(sys.modules["navcore"]), *lent_names()})


def lend(name: str) -> Any:
    """Return the object that a plugin lends under a name, importing only that plugin.

    Raises:
        AttributeError: No installed plugin lends it, two lend different things, or its import failed.
    """
    from importlib.metadata import entry_points

    offers = {entry_point.value: entry_point for entry_point in entry_points(group=GROUP, name=name)}
    if len(offers) > 1:
        raise AttributeError(f"navcore.{name} is lent by two plugins: {_list(offers)}; uninstall one of them")
    if not offers:
        raise AttributeError(_missing(name))
    (entry_point,) = offers.values()
    try:
        return entry_point.load()
    except (ImportError, AttributeError) as error:
        raise AttributeError(
            f"navcore.{name} is lent by {entry_point.value}, which cannot be imported: {error}"
        ) from error


def _list(offers: dict[str, EntryPoint]) -> str:
    return " and ".join(sorted(offers))


def _missing(name: str) -> str:
    if name in FRONT_DOOR:
        return f"navcore.{name} comes with {FRONT_DOOR[name]}; to install it: pip install {FRONT_DOOR[name]}"
    # By vars(): asking a module that is still being imported for a name would come back here.
    own = vars(sys.modules["navcore"]).get("__all__", ())
    near = nearest(name, (*own, *lent_names(), *FRONT_DOOR))
    advice = f"; did you mean {near!r}?" if near else ""
    return f"module 'navcore' has no attribute {name!r}{advice}"

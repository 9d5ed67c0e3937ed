"""What nav-tf adds to navcore."""

from __future__ import annotations

from collections.abc import Iterable

from navcore.contracts import Converter, Exporter, Runner
from navcore.hookspecs import hookimpl


@hookimpl
def nav_exporters() -> Iterable[Exporter]:
    return ()


@hookimpl
def nav_converters() -> Iterable[Converter]:
    return ()


@hookimpl
def nav_runners() -> Iterable[Runner]:
    return ()

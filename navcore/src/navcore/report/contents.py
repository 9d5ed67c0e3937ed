"""What a package file holds: where it comes from, its artifacts, and what it takes to use them here."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import attrs
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from navcore.domain import Artifact, PackageStatus
from navcore.engine.plan import runner_for
from navcore.formats import Risk
from navcore.known import FIRST_PARTY
from navcore.store.size import size_text

__all__ = ["Held", "contents_page", "held"]

_INSTALL = "pip install "
_BUILT_IN = "navcore."


@attrs.frozen
class Held:
    """One artifact of a package.

    Attributes:
        route: Id of the route that made it; `source` for the user's own model file.
        format: Its format.
        size_bytes: All its files together.
        needs: What it takes to use it here, one sentence each; empty where a known plugin is installed.
    """

    route: str
    format: str
    size_bytes: int
    needs: tuple[str, ...]


def held(status: PackageStatus, installed: Collection[str], plugins: Collection[str]) -> tuple[Held, ...]:
    """Return every artifact that the run made, with what it takes to use it here; nothing is imported for that.

    Args:
        status: Of the package.
        installed: Distributions that have plugins, by name.
        plugins: Names of their entry points.
    """
    built = [(build.route, build.artifact) for build in status.builds if build.artifact is not None]
    source = [("source", status.origin)] if status.origin is not None else []
    return tuple(
        Held(route, made.format.name, made.size_bytes, tuple(_needs(made, status, installed, plugins)))
        for route, made in (*source, *built)
    )


def _needs(
    artifact: Artifact, status: PackageStatus, installed: Collection[str], plugins: Collection[str]
) -> Iterator[str]:
    there = {file.path for file in status.files}
    if not there.issuperset(file.path for file in artifact.files):
        yield "left out when the package was saved; nav.package.optimize(package) makes it again"
        return
    fix = runner_for(artifact.format)
    if fix.startswith(_INSTALL) and fix.removeprefix(_INSTALL) not in installed:
        yield f"no plugin here runs it; {fix}"
    elif not fix.startswith(_INSTALL) and (missing := _missing_strangers(status, plugins)):
        yield f"the run had plugins that are not here: {', '.join(missing)}"
    if artifact.format.risk is Risk.CODE:
        yield "opening it may run code: that takes trust, see --trust of `nav run`"
    for name, value in artifact.built_for:
        yield f"built for {name} {value!r} only"


def _missing_strangers(status: PackageStatus, plugins: Collection[str]) -> tuple[str, ...]:
    """Return plugins of others that the run had and that are not here."""
    names = [name.removeprefix("plugin.") for name, _ in status.environment if name.startswith("plugin.")]
    known = {*FIRST_PARTY, *plugins}
    own = [name for name in names if not name.startswith(_BUILT_IN) and not name.endswith(".environment")]
    return tuple(name for name in own if name not in known)


def contents_page(status: PackageStatus, path: str, size_bytes: int, artifacts: Collection[Held]) -> RenderableType:
    """Return what is in a file of that size, and the environment that its results are from."""
    samples = any(file.path.startswith("samples/") for file in status.files)
    return Group(
        Text(f"{path}: {len(status.files) + 1} files, {size_text(size_bytes)}, from {status.created}", style="bold"),
        Padding(Text(str(status.signature)), (0, 0, 0, 2), expand=False),
        *([] if samples else [_indented("saved without samples: it cannot be optimised again", 2)]),
        Text(),
        Text("Artifacts", style="bold"),
        *(line for artifact in artifacts for line in _artifact(artifact)),
        *([] if artifacts else [_indented("none", 2)]),
        Text(),
        Text("Environment", style="bold"),
        *(_indented(f"{name}: {value}", 2) for name, value in status.environment),
        Text(),
    )


def _artifact(artifact: Held) -> Iterator[RenderableType]:
    yield _indented(f"{artifact.route}  {artifact.format}, {size_text(artifact.size_bytes)}", 2)
    yield from (_indented(sentence, 4) for sentence in artifact.needs)


def _indented(text: str, by: int) -> RenderableType:
    return Padding(Text(text), (0, 0, 0, by), expand=False)

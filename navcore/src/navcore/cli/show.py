"""`nav show WORKSPACE`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from navcore.cli.arguments import AsJson, Debug
from navcore.cli.outcome import errors_told, finish

__all__ = ["show"]


def show(
    workspace: Annotated[
        Path,
        typer.Argument(
            metavar="WORKSPACE", show_default=False, help="Folder that an earlier run wrote into, or a .nav file."
        ),
    ],
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Print the results of an earlier run.

    They are read from its workspace, or from a package file. Of a file it also says which artifacts are in it, what it
    takes to use them here, and which environment the results are from. This needs no plugin and runs nothing.

    \b
    Examples:
      nav show navigator_workspace
      nav show model.nav
      nav show navigator_workspace --json > results.json

    Exit codes: 0 the run found something, 1 nothing worked, 2 wrong use.
    """
    with errors_told(debug):
        from navcore.cli.results import is_package, read_results

        status = read_results(workspace)
        if is_package(workspace) and not as_json:
            from navcore.report.contents import contents_page, held
            from navcore.report.page import print_page

            artifacts = held(status, *_plugins_here())
            size = workspace.stat().st_size
            print_page(lambda _: contents_page(status, str(workspace), size, artifacts), sys.stdout)
        finish(status, workspace, sys.stdout, as_json=as_json)


def _plugins_here() -> tuple[frozenset[str], frozenset[str]]:
    """Return the distributions that have plugins, and the names of these, without importing any."""
    from importlib.metadata import entry_points

    from navcore.plugins import GROUP

    found = entry_points(group=GROUP)
    return frozenset(each.dist.name for each in found if each.dist), frozenset(each.name for each in found)

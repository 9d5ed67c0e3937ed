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
        Path, typer.Argument(metavar="WORKSPACE", show_default=False, help="Folder that an earlier run wrote into.")
    ],
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Print the results of an earlier run.

    They are read from its workspace; this needs no plugin and runs nothing.

    \b
    Examples:
      nav show navigator_workspace
      nav show navigator_workspace --json > results.json

    Exit codes: 0 the run found something, 1 nothing worked, 2 wrong use.
    """
    with errors_told(debug):
        from navcore.store.workspace import read_status

        finish(read_status(workspace), workspace, sys.stdout, as_json=as_json)

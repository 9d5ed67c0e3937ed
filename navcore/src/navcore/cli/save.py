"""`nav save WORKSPACE -o FILE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from navcore.cli.arguments import Debug
from navcore.cli.outcome import errors_told

__all__ = ["save"]


def save(
    workspace: Annotated[
        Path, typer.Argument(metavar="[WORKSPACE]", help="Folder that an earlier run wrote into.")
    ] = Path("navigator_workspace"),
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="File to write; it appears when it is complete.")
    ] = Path("model.nav"),
    override: Annotated[bool, typer.Option("--override", help="Replace an existing file.")] = False,
    data: Annotated[
        bool, typer.Option("--data/--no-data", help="Whether the samples and their outputs go into the file.")
    ] = True,
    debug: Debug = False,
) -> None:
    """Write what a run found into one file.

    It holds every result, what was exported from the model or the model file itself, the fastest artifacts with
    everything on their routes, logs, scripts, and the samples: they are your data, see --no-data.

    \b
    Examples:
      nav save -o model.nav
      nav save runs/yesterday -o model.nav --override
      nav save -o model.nav --no-data

    Exit codes: 0 it was written, 2 wrong use.
    """
    with errors_told(debug):
        from navcore.cli.results import read_results
        from navcore.package import load_from_workspace
        from navcore.package import save as write
        from navcore.store.size import size_text

        written = write(load_from_workspace(workspace), out, override=override, save_data=data)
        count = len(read_results(written).files) + 1
        typer.echo(f"{out}: {count} files, {size_text(written.stat().st_size)}")

"""`nav verify FILE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from navcore.cli.arguments import Debug
from navcore.cli.outcome import errors_told

__all__ = ["verify"]


def verify(
    package: Annotated[
        Path, typer.Argument(metavar="FILE", show_default=False, help="A .nav file, from here or elsewhere.")
    ],
    debug: Debug = False,
) -> None:
    """Check that a package file is whole and safe to unpack.

    Reads all of it once: names, sizes and SHA-256 of every file in it, and what ONNX, OpenVINO and NumPy files refer
    to. Nothing is unpacked or run, and neither a plugin nor a framework is needed. It does not say who made the file:
    whoever can change it can change its hashes too.

    \b
    Examples:
      nav verify model.nav

    Exit codes: 0 it is whole, 2 it is refused, or wrong use.
    """
    with errors_told(debug):
        from navcore.formats import Risk
        from navcore.store.archive_read import open_archive
        from navcore.store.size import size_text

        with open_archive(package) as archive:
            archive.verify()
            status = archive.status
        typer.echo(f"{package} is whole: {len(status.files) + 1} files, {size_text(package.stat().st_size)}")
        there = {file.path for file in status.files}
        risky = {
            artifact.format.name
            for artifact in (status.origin, *(build.artifact for build in status.builds))
            if artifact is not None and artifact.format.risk is Risk.CODE
            if there.intersection(file.path for file in artifact.files)
        }
        if risky:
            typer.echo(f"opening these may run code, whatever was checked: {', '.join(sorted(risky))}")

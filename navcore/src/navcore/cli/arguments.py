"""Arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from navcore.domain import DeviceKind

__all__ = ["AsJson", "Debug", "Device", "MaxHops", "Precisions", "Runners", "Source", "TargetFormats"]

Source = Annotated[
    str,
    typer.Argument(metavar="SOURCE", show_default=False, help="A model file, module:attribute, or file.py:attribute."),
]
TargetFormats = Annotated[
    list[str] | None,
    typer.Option(
        "--target-format", metavar="FORMAT", show_default=False, help="Try this format. Repeat for more. Default: all."
    ),
]
Runners = Annotated[
    list[str] | None,
    typer.Option(
        "--runner", metavar="RUNNER", show_default=False, help="Try this runner. Repeat for more. Default: all."
    ),
]
Device = Annotated[
    DeviceKind | None,
    typer.Option("--device", show_default=False, help="Device to run on. Default: cuda where it works, or else cpu."),
]
Precisions = Annotated[
    list[str] | None,
    typer.Option(
        "--precision",
        metavar="PRECISION",
        show_default=False,
        help="Lower the model to bf16, fp16, int8, ..., or auto. Repeat for more. Default: its own precision.",
    ),
]
MaxHops = Annotated[int, typer.Option("--max-hops", min=1, metavar="N", help="Most exports and conversions in a row.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and everything else on stderr.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks, and what exporters and runtimes print.")]

"""`nav why ROUTE`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from navcore.cli.outcome import errors_told, status_in_options

if TYPE_CHECKING:
    from navcore.report.why import Step

__all__ = ["why"]


def why(
    route: Annotated[
        str,
        typer.Argument(metavar="ROUTE", show_default=False, help="As `nav show` calls it, such as onnx/openvino-ir."),
    ],
    workspace: Annotated[
        Path, typer.Argument(metavar="[WORKSPACE]", help="Folder that an earlier run wrote into, or a .nav file.")
    ] = Path("navigator_workspace"),
    runner: Annotated[
        str | None, typer.Option("--runner", metavar="RUNNER", show_default=False, help="Only on this runner.")
    ] = None,
) -> None:
    """Print why a route failed, in full, or what it gave.

    Reason, fix, tool, times and the end of the log; where something before it failed, that comes first. Needs no
    plugin and runs nothing.

    \b
    Examples:
      nav why onnx/openvino-ir
      nav why onnx --runner OnnxCPU runs/yesterday
      nav why torchscript-trace model.nav

    Exit codes: 0 it was told, 2 wrong use.
    """
    with errors_told():
        from navcore.cli.results import read_results
        from navcore.report.why import steps_of
        from navcore.store.workspace import Workspace

        space = Workspace(workspace.absolute())
        status = status_in_options(read_results(workspace))
        steps = steps_of(status, route, runner, lambda step: space.relative(space.log(step)), str(workspace))
        for step in steps:
            _tell(step, workspace)


def _tell(step: Step, workspace: Path) -> None:
    from navcore.cli.results import end_of_log_in
    from navcore.report.page import print_page
    from navcore.report.why import last_lines, page

    log = end_of_log_in(workspace, step.log)
    told = step if log else attrs.evolve(step, log="")
    print_page(lambda _: page(told, str(workspace)), sys.stdout)
    for line in (*last_lines(log or ""), ""):
        typer.echo(f"    {line}".rstrip())  # not by rich, which would wrap it

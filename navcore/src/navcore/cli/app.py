"""`nav` itself: its page of help, its version, and the list of commands."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from navcore.cli.cache import cache
from navcore.cli.compare import compare
from navcore.cli.optimize import optimize
from navcore.cli.plan import plan
from navcore.cli.plugins import plugins
from navcore.cli.run import run
from navcore.cli.save import save
from navcore.cli.show import show
from navcore.cli.verify import verify
from navcore.cli.why import why

__all__ = ["app", "main"]

# Help pages are plain text: to lay them out, rich would take longer than everything else that `nav --help` does.
app = typer.Typer(name="nav", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
for command in (optimize, plan, plugins, show, why, save, verify, run, compare):
    app.command()(command)
app.add_typer(cache)


def main() -> None:
    """Run the command line."""
    # Before any framework loads libgomp: threads that spin while they wait make torch up to 27 times slower as soon as
    # a neighbour uses the same cores (1364 ms against 49 ms, ResNet-18 on 2 cores), and gain 7 % on an idle machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a log may hold what the console's encoding lacks
    app(prog_name="nav")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"nav {version('navcore')}")
        raise typer.Exit


@app.callback()
def nav(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Find the fastest way to run a trained model on this machine, and prove that it still computes the same.

    \b
    Examples:
      nav optimize model.onnx             try every way to run it, and print the table
      nav optimize net.py:model --inputs 'x:float32[batch,3,224,224]'
      nav plan net.py:model               what would be tried, without running it
      nav plugins                         what is installed; what cannot work here, and why
      nav show navigator_workspace        the results of an earlier run
      nav why onnx/openvino-ir            why one of its routes failed, in full
      nav save -o model.nav               all that a run found, as one file
      nav compare old.nav new.nav         whether a later run is a regression

    Exit codes: 0 something was found, 1 nothing works, 2 wrong use.
    """

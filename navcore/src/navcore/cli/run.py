"""`nav run PACKAGE`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from navcore.cli.arguments import Debug
from navcore.cli.outcome import errors_told, reserved_stdout, tell_problems
from navcore.errors import NavError, UsageError, any_failure, first_line

if TYPE_CHECKING:
    from navcore.findings import Package

__all__ = ["run"]


def run(
    package: Annotated[
        Path, typer.Argument(metavar="PACKAGE", show_default=False, help="A .nav file, or the workspace of a run.")
    ],
    inputs: Annotated[
        Path, typer.Option(metavar="NPZ", show_default=False, help="A .npz file with one array per input, by name.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="NPZ", show_default=False, help="File for the outputs, by name.")
    ],
    strategy: Annotated[
        str | None, typer.Option(metavar="NAME", help="Run what this strategy picks; see `nav plugins`.")
    ] = None,
    trust: Annotated[
        str | None, typer.Option(metavar="code", help="`code`: open formats that can run code, from a file you know.")
    ] = None,
    override: Annotated[bool, typer.Option("--override", help="Replace an existing file.")] = False,
    debug: Debug = False,
) -> None:
    """Run the best runtime of a package once.

    Takes one sample from a file, writes the outputs into another, and prints what ran and what it gave. Takes the
    fastest runtime that works on this machine, and says which better ones it passed over.

    \b
    Examples:
      nav run model.nav --inputs x.npz --out y.npz
      nav run model.nav --inputs x.npz --out y.npz --strategy max-throughput --trust code

    The input file is written by numpy.savez("x.npz", x=array).

    Exit codes: 0 the outputs were written, 2 wrong use, or nothing in the package can be used here.
    """
    with errors_told(debug), reserved_stdout(True) as stdout:
        from navcore.cli.arrays import write_arrays
        from navcore.cli.inputs import read_arrays

        if out.exists() and not override:
            raise UsageError(f"{out} exists", "pass --override to replace it, or another --out")
        feeds = read_arrays(str(inputs))
        loaded = _loaded(package, trust)
        tell_problems(loaded.registry.problems)
        picks = loaded.registry.strategy(strategy) if strategy else None
        session = loaded.get_runner(strategy=picks)
        try:
            with session:
                outputs = session.infer(feeds)
        except NavError:
            raise
        except any_failure() as error:  # a stranger's runtime may raise anything
            cause = f"{session.name} failed: {type(error).__name__}: {first_line(error)}"
            raise UsageError(
                cause, f"see that {inputs} fits {session.signature}, or choose another --strategy"
            ) from error
        written = write_arrays(out, outputs, override=override)
        print(f"{session.name}, chosen by {session.choice.strategy}: {session.choice.reason}", file=stdout)
        for name, array in written.items():
            print(f"  {name}: {array.dtype}{list(array.shape)}", file=stdout)
        print(f"written to {out}", file=stdout)


def _loaded(path: Path, trust: str | None) -> Package:
    from navcore.cli.results import is_package
    from navcore.package import load, load_from_workspace

    return load(path, trust=trust) if is_package(path) else load_from_workspace(path, trust)

"""`nav compare BEFORE AFTER`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from navcore.cli.arguments import AsJson, Debug
from navcore.cli.outcome import errors_told

__all__ = ["compare"]

_EXIT_CODES = {"same or better": 0, "regression": 1, "can't tell": 2}


def compare(
    before: Annotated[
        Path, typer.Argument(metavar="BEFORE", show_default=False, help="A .nav file, or the workspace of a run.")
    ],
    after: Annotated[
        Path, typer.Argument(metavar="AFTER", show_default=False, help="The same model on the same machine, later.")
    ],
    tolerance_percent: Annotated[
        float, typer.Option(min=0.0, metavar="P", help="A difference in speed up to P percent counts as none.")
    ] = 10.0,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Say whether a later run is a regression.

    It is one where a route that worked fails, where outputs are outside the tolerance that they were held to, and
    where what the default strategies choose takes longer per call at any batch size that both runs measured.

    The two runs were not measured side by side. So a difference counts only where its 95 % interval, from the blocks of
    both, lies beyond the tolerance; and where other routes became slower alike, the machine may be the reason, and
    nobody can tell. Nor can anybody on another machine, or where the measurements are too noisy or too few.

    \b
    Examples:
      nav compare released.nav candidate.nav
      nav compare released.nav navigator_workspace --tolerance-percent 5
      nav compare released.nav candidate.nav --json > verdict.json

    Exit codes: 0 same or better, 1 a regression, 2 can't tell, or wrong use.
    """
    with errors_told(debug):
        from navcore.cli.results import read_results
        from navcore.engine.regression import compare_runs
        from navcore.findings import DEFAULT_STRATEGIES
        from navcore.report.comparison import comparison_json, comparison_page
        from navcore.report.page import print_page

        first, second = read_results(before), read_results(after)
        comparison = compare_runs(first, second, DEFAULT_STRATEGIES, tolerance_percent / 100)
        code = _EXIT_CODES[comparison.answer.value]
        if as_json:
            sys.stdout.write(comparison_json(comparison, code))
        else:
            print_page(lambda _: comparison_page(comparison), sys.stdout)
    raise typer.Exit(code)

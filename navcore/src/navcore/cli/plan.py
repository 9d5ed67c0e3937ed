"""`nav plan SOURCE`."""

from __future__ import annotations

import attrs
import typer

from navcore.cli.arguments import AsJson, Debug, Device, MaxHops, Precisions, Runners, Source, TargetFormats
from navcore.cli.outcome import NOTHING_WORKS, errors_told, omissions_in_options, reserved_stdout, tell_problems

__all__ = ["plan"]


def plan(
    source: Source,
    target_format: TargetFormats = None,
    runner: Runners = None,
    device: Device = None,
    precision: Precisions = None,
    max_hops: MaxHops = 4,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Print what optimize would try.

    Nothing is built or run. Shows every route from the model's format with the runners that would try it, and what
    is left out: each tool that cannot work on this machine with the reason and the fix, and formats that nothing
    installed can run.

    SOURCE is a model file, or names an object in a Python file (net.py:model) or in a module (package.net:model).

    \b
    Examples:
      nav plan model.onnx
      nav plan net.py:model --device cuda
      nav plan net.py:model --target-format onnx

    Exit codes: 0 something would be tried, 1 nothing would, 2 wrong use.
    """
    with errors_told(debug), reserved_stdout(as_json) as stdout:
        from navcore.cli import sources
        from navcore.optimize import make_run_plan
        from navcore.plugins import load_plugins
        from navcore.report.page import print_page
        from navcore.report.plan import plan_json, plan_page

        registry = load_plugins()
        tell_problems(registry.problems)
        parsed = sources.parse_source(source)
        with sources.importable(parsed):
            model = sources.load_model(parsed)
            found = make_run_plan(
                model,
                target_formats=target_format,
                runners=runner,
                target_device=device,
                precision=precision,
                max_hops=max_hops,
                registry=registry,
            )
        if as_json:
            stdout.write(plan_json(found))
        else:
            shown = attrs.evolve(found, omissions=omissions_in_options(found.omissions))
            print_page(lambda _: plan_page(shown), stdout)
        if not found.trials:
            raise typer.Exit(NOTHING_WORKS)

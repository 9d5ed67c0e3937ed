"""`nav optimize SOURCE`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import attrs
import typer

from navcore.cli.advice import advice_for_missing_samples, advice_for_names
from navcore.cli.arguments import AsJson, Debug, Device, MaxHops, Precisions, Runners, Source, TargetFormats
from navcore.cli.outcome import errors_told, finish, in_options, reserved_stdout, tell_problems
from navcore.errors import UsageError

if TYPE_CHECKING:
    from navcore.cli.sources import Reference
    from navcore.contracts import Strategy
    from navcore.domain import Event, PackageStatus
    from navcore.registry import Registry
    from navcore.report.console import ConsolePlugin

__all__ = ["optimize"]


def optimize(
    source: Source,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            metavar="INPUT", show_default=False, help="A .npz file, or NAME:DTYPE[DIMENSIONS]. Repeat for more."
        ),
    ] = None,
    dataloader: Annotated[
        str | None, typer.Option(metavar="REFERENCE", help="Samples: module:attribute or file.py:attribute.")
    ] = None,
    target_format: TargetFormats = None,
    runner: Runners = None,
    device: Device = None,
    precision: Precisions = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="REFERENCE",
            show_default=False,
            help="Function of the outputs that says how good they are: module:attribute or file.py:attribute.",
        ),
    ] = None,
    max_metric_drop: Annotated[
        float, typer.Option(min=0.0, metavar="DROP", help="How far below the source a lower precision may be by it.")
    ] = 0.01,
    max_hops: MaxHops = 4,
    max_batch_size: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Largest batch size. Default: until throughput stops growing."),
    ] = None,
    concurrency: Annotated[
        list[int] | None,
        typer.Option(min=1, metavar="N", help="Measure the best with N calls at once, too. Repeat for more."),
    ] = None,
    measure: Annotated[
        str, typer.Option(metavar="HOW", help="quick: who cannot win stops early; thorough: nobody does.")
    ] = "quick",
    batching: Annotated[
        bool, typer.Option("--batching/--no-batching", help="Whether the first axis of the inputs is a batch.")
    ] = True,
    sample_count: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Most samples compared; with shapes, how many are made.")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(metavar="NAME", help="Mark what this strategy picks; see `nav plugins`.")
    ] = None,
    build_only: Annotated[
        bool,
        typer.Option("--build-only", help="Build for every installed runner, also those of other machines; run none."),
    ] = False,
    workspace: Annotated[
        Path, typer.Option(metavar="FOLDER", help="For artifacts, logs and results; an earlier run's are replaced.")
    ] = Path("navigator_workspace"),
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Of made-up inputs and of the order of measurements.")
    ] = 0,
    budget: Annotated[
        float | None,
        typer.Option(min=0.001, metavar="SECONDS", help="Time for the whole run; the best so far is what counts."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.001, metavar="SECONDS", help="Longest time of one conversion or trial in a worker.")
    ] = 1800.0,
    memory_limit: Annotated[
        int | None, typer.Option(min=1, metavar="MIB", help="Most memory of a worker. Default: no limit.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run of this model in the workspace.")
    ] = False,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Whether artifacts that were built before are used again.")
    ] = True,
    isolate: Annotated[
        bool, typer.Option("--isolate/--no-isolate", help="Whether conversions and trials of files run in workers.")
    ] = True,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show neither progress nor summary.")] = False,
    debug: Debug = False,
) -> None:
    """Find the fastest way to run a model.

    Tries every way that the installed plugins make possible, and prints how fast each is and whether it computes the
    same as the model itself.

    SOURCE is a model file such as model.onnx, or names an object in a Python file (net.py:model) or in a module
    (package.net:model). A function or class that takes no arguments is called and gives the model; a function that
    needs arguments is itself the model.

    Samples come from --inputs or --dataloader. A file that declares its inputs needs neither.

    \b
      --inputs sample.npz                       arrays by input name; one sample per file
      --inputs 'x:float32[batch,3,224,224]'     floats are standard normal
      --inputs 'ids:int64(0..1000)[batch,seq]'  integers from 0 to 999; without a range from 0 to 7
      --inputs 'ids:int64[batch,seq=8..64]'     seq varies from 8 to 64; without a range from 8 to 12
      --inputs 'x:float32[]'                    a scalar

    A named dimension has one size throughout a sample, and varies from sample to sample. The quotes keep the shell
    from reading the brackets.

    \b
    Examples:
      nav optimize model.onnx
      nav optimize net.py:model --inputs 'x:float32[batch,3,224,224]' --max-batch-size 16
      nav optimize net.py:Net --dataloader net.py:samples --target-format onnx --runner OnnxCPU
      nav optimize model.onnx --json > results.json

    Exit codes: 0 something was found, 1 nothing works, 2 wrong use.
    """
    with errors_told(debug), reserved_stdout(as_json) as stdout:
        from navcore.cli import sources
        from navcore.domain import OptimizationProfile
        from navcore.optimize import optimize as optimize_model
        from navcore.plugins import load_plugins
        from navcore.report.console import ConsolePlugin

        registry = load_plugins()
        if not quiet:
            tell_problems(registry.problems)
        picks = registry.strategy(strategy) if strategy else None
        parsed = sources.parse_source(source)
        loader = sources.parse_reference(dataloader, "--dataloader") if dataloader else None
        quality = sources.parse_reference(metric, "--metric") if metric else None
        console = ConsolePlugin(show_summary=False)
        with contextlib.ExitStack() as stack:
            stack.enter_context(sources.importable(parsed, loader, quality))
            stack.enter_context(contextlib.closing(console))
            stack.enter_context(advice_for_missing_samples(bool(inputs or loader)))
            model = sources.load_model(parsed)
            samples = _samples(inputs, loader, sample_count, seed)
            if isinstance(samples, tuple):
                stack.enter_context(advice_for_names(model, tuple(samples[0])))
            package = optimize_model(
                model,
                samples,
                sample_count=sample_count or 100,
                batching=batching,
                target_formats=target_format,
                target_device=device,
                runners=runner,
                precision=precision,
                metric=quality.load() if quality else None,
                max_metric_drop=max_metric_drop,
                build_only=build_only,
                max_hops=max_hops,
                optimization_profile=OptimizationProfile(
                    max_batch_size=max_batch_size, concurrency=tuple(concurrency) if concurrency else None
                ),
                measure=measure,
                workspace=workspace,
                debug=debug,
                seed=seed,
                quiet=quiet,
                cache=cache,
                isolate=isolate,
                timeout_s=timeout,
                memory_limit_bytes=memory_limit * 1024 * 1024 if memory_limit else None,
                budget_s=budget,
                resume=resume,
                registry=_with_console(registry, console),
            )
        finish(_chosen_by(picks, package.status), workspace, stdout, as_json=as_json, quiet=quiet)


def _samples(inputs: list[str] | None, loader: Reference | None, count: int | None, seed: int) -> Iterable[Any] | None:
    from navcore.cli.inputs import read_inputs
    from navcore.cli.sources import load_dataloader

    if inputs and loader:
        raise UsageError("both --inputs and --dataloader were given", "give one of them")
    if loader:
        return load_dataloader(loader)
    return read_inputs(inputs, count, seed) if inputs else None


def _with_console(registry: Registry, console: ConsolePlugin) -> Registry:
    """Return the registry with this console in place of the installed one: it leaves the summary to `finish`."""
    from navcore.domain import Notice
    from navcore.plugins import load_plugins

    (mine,) = (plugin for plugin in load_plugins([console], installed=False).plugins if plugin.name == "ConsolePlugin")

    def notify(event: Event) -> None:
        mine.notify(Notice(in_options(event.text)) if isinstance(event, Notice) else event)

    plugins = (
        attrs.evolve(plugin, notify=notify) if plugin.name == "navcore.console" else plugin
        for plugin in registry.plugins
    )
    return attrs.evolve(registry, plugins=tuple(plugins))


def _chosen_by(strategy: Strategy | None, status: PackageStatus) -> PackageStatus:
    from navcore.engine.choose import choose

    if strategy is None:
        return status
    choice = choose(status.trials, (strategy,))
    return attrs.evolve(status, choices=(choice,) if choice else ())

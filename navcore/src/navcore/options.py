"""From what the user typed to a checked request, and to the tools as the user's configs want them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from navcore.collect import Claim, collect
from navcore.contracts import Converter, CustomConfig, Edge, Exporter, Runner, Tool
from navcore.domain import MEASURES, PRECISIONS, DeviceKind, Names, OptimizationProfile, Request, Tolerance
from navcore.engine.plan import reachable, works
from navcore.errors import UnknownNameError, UsageError
from navcore.formats import Format
from navcore.registry import Registry

__all__ = ["configured", "default_device", "make_request"]


def make_request(
    registry: Registry,
    source: Format,
    *,
    target_formats: Sequence[Format | str] | None = None,
    runners: Sequence[str | Runner] | None = None,
    device: DeviceKind | str | None = None,
    batching: bool = True,
    sample_count: int = 100,
    max_hops: int = 4,
    profile: OptimizationProfile | None = None,
    tolerance: Tolerance | Mapping[str, Tolerance] | None = None,
    precision: str | None = None,
    precisions: str | Sequence[str] | None = None,
    max_metric_drop: float = 0.01,
    build_only: bool = False,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    seed: int = 0,
    measure: str = "quick",
) -> Request:
    """Return the options as a request.

    Raises:
        UsageError: A value is out of range, or a name does not exist; the message suggests the nearest.
    """
    try:
        return Request(
            target_formats=_formats(target_formats, registry),
            runners=_runners(runners, registry),
            device=_device(device) or default_device(registry, source),
            batching=batching,
            sample_count=sample_count,
            max_hops=max_hops,
            profile=OptimizationProfile() if profile is None else profile,
            tolerance=_tolerance(tolerance),
            precision=_precision(precision),
            precisions=_precisions(precisions),
            max_metric_drop=max_metric_drop,
            build_only=build_only,
            names=Names(_names("input_names", input_names), _names("output_names", output_names)),
            seed=seed,
            measure=_measure(measure),
        )
    except (TypeError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(
            str(error).partition("\n")[0], "see help(navcore.optimize) for what each option takes"
        ) from error


def _sequence(option: str, value: Sequence[Any]) -> Sequence[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence | set | frozenset):
        raise UsageError(f"{option}={value!r} is not a sequence", f"write {option}=({value!r},)")
    return sorted(value, key=str) if isinstance(value, set | frozenset) else value


def _formats(value: Sequence[Format | str] | None, registry: Registry) -> tuple[Format, ...] | None:
    if value is None:
        return None
    return tuple(registry.format(name) for name in _sequence("target_formats", value))


def _runners(value: Sequence[str | Runner] | None, registry: Registry) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = [name.name if isinstance(name, Runner) else name for name in _sequence("runners", value)]
    for name in names:
        if not isinstance(name, str):
            raise UsageError(f"runners holds {name!r}, which is no name", "write runners=('OnnxCPU',)")
    if not names:
        raise UsageError("runners is empty, so nothing could run", "leave it out to try all runners")
    return tuple(registry.runner(name).name for name in names)


def _names(option: str, value: Sequence[str] | None) -> tuple[str, ...]:
    names = tuple(_sequence(option, value or ()))
    for name in names:
        if not isinstance(name, str) or not name:
            raise UsageError(f"{option} holds {name!r}, which is no name", "give one name per tensor, in order")
    return names


def _device(value: DeviceKind | str | None) -> DeviceKind | None:
    if value is None:
        return None
    known = [device.value for device in DeviceKind]
    if str(value) not in known:
        raise UnknownNameError("device", str(value), known, f"write one of {', '.join(known)}")
    return DeviceKind(str(value))


def _measure(value: str) -> str:
    if value not in MEASURES:
        raise UnknownNameError("way to measure", str(value), MEASURES, f"write one of {', '.join(MEASURES)}")
    return value


def _precision(value: str | None) -> str | None:
    if value is not None and value not in PRECISIONS:
        raise UnknownNameError("precision", str(value), PRECISIONS, f"write one of {', '.join(PRECISIONS)}")
    return value


def _precisions(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return what is asked for, the finest first; `auto` is everything."""
    if value is None:
        return ()
    names = (value,) if isinstance(value, str) else tuple(_sequence("precision", value))
    if names == ("auto",):
        return PRECISIONS
    for name in names:
        if name not in PRECISIONS:
            known = (*PRECISIONS, "auto")
            raise UnknownNameError("precision", str(name), known, f"write one or more of {', '.join(known)}")
    return tuple(name for name in PRECISIONS if name in names)


def _tolerance(
    value: Tolerance | Mapping[str, Tolerance] | None,
) -> Tolerance | tuple[tuple[str, Tolerance], ...] | None:
    parts = value.values() if isinstance(value, Mapping) else [] if value is None else [value]
    for part in parts:
        if not isinstance(part, Tolerance):
            raise UsageError(f"tolerance={part!r} is no Tolerance", "write navcore.Tolerance(atol=1e-3, rtol=1e-3)")
    return tuple(sorted(value.items())) if isinstance(value, Mapping) else value


def default_device(registry: Registry, source: Format) -> DeviceKind:
    """Return CUDA where a runner for it that a route from the source can reach works on this machine, or the CPU."""
    for runner in registry.runners:
        if runner.devices == (DeviceKind.CUDA,) and runner.accepts in reachable(source, registry) and works(runner):
            return DeviceKind.CUDA
    return DeviceKind.CPU


def configured(registry: Registry, configs: Sequence[CustomConfig]) -> Registry:
    """Return the registry with the tools of some formats as the user's configs want them.

    Raises:
        UsageError: A config is not one, or what it returns cannot be used.
    """
    if isinstance(configs, CustomConfig) or not isinstance(configs, Sequence):
        raise UsageError(f"custom_configs={configs!r} is not a sequence", "write custom_configs=[...]")
    for config in configs:
        registry = _configure(registry, config)
    return registry


def _configure(registry: Registry, config: CustomConfig) -> Registry:
    if not isinstance(config, CustomConfig) or isinstance(config, type):
        raise UsageError(f"custom_configs holds {config!r}, which is no config", "pass instances of config classes")
    tools: tuple[Tool, ...] = (*registry.edges, *registry.runners)
    mine = tuple(tool for tool in tools if _makes_or_takes(tool, config.format))
    changed = config.configure(mine)
    kept = [tool for tool in (*tools, *registry.strategies) if tool not in mine]
    owner = type(config).__name__
    claims = [Claim(registry.origins.get(tool, owner), owner, _hook(tool), tool) for tool in (*kept, *changed)]
    collected = collect(claims)
    if collected.problems:
        problem = collected.problems[0]
        raise UsageError(f"{config!r}: {problem.reason}", problem.fix)
    # What an earlier config asked for, this one may have changed.
    lowered = {*getattr(config, "precisions", ()), *(tool.precision for tool in mine if tool in registry.asked)}
    return attrs.evolve(
        registry,
        asked=registry.asked | {tool for tool in changed if tool.precision in lowered},
        edges=collected.edges,
        runners=collected.runners,
        origins={tool: registry.origins.get(tool, owner) for tool in collected.origins},
    )


def _makes_or_takes(tool: Tool, wanted: Format) -> bool:
    return (tool.target if isinstance(tool, Edge) else tool.accepts if isinstance(tool, Runner) else None) == wanted


def _hook(tool: Tool) -> str:
    if isinstance(tool, Exporter):
        return "nav_exporters"
    if isinstance(tool, Converter):
        return "nav_converters"
    return "nav_runners" if isinstance(tool, Runner) else "nav_strategies"

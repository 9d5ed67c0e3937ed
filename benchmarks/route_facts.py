"""Every route from a framework, tried on one model: which works and how far off it is, or why it does not work."""

from __future__ import annotations

import platform
import re
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import attrs
from zoo import Loaded, Zoo

import navcore as nav
from navcore.domain import BuildResult, DeviceKind, Request, Status, TrialResult
from navcore.domain.request import PRECISIONS
from navcore.engine.plan import Plan, make_plan
from navcore.environment import environment
from navcore.options import configured
from navcore.registry import Registry

__all__ = ["PROFILE", "every_tool", "facts_of", "ground", "plan_of", "routes_of", "sentence", "try_everything"]

PROFILE = nav.OptimizationProfile(
    batch_sizes=(5,), window_size=1, stabilization_windows=1, min_trials=1, max_trials=1, throughput_backoff_limit=0
)
"""Measured as briefly as can be, since only agreement counts here; five is the odd batch that is compared, too."""


def every_tool(registry: Registry, zoo: Zoo) -> Registry:
    """Return a registry with the tools to try, in which what stands in for others is tried beside them."""
    ours = with_variants(registry, zoo)
    beside = {edge: attrs.evolve(edge, fallback=False) for edge in ours.edges}
    origins = {beside.get(tool, tool): name for tool, name in ours.origins.items()}
    return attrs.evolve(ours, edges=tuple(beside.values()), origins=origins)


def with_variants(registry: Registry, zoo: Zoo) -> Registry:
    """Return a registry with the tools to try, as they are registered, and those that a config has to ask for."""
    kept = {tool: name for tool, name in registry.origins.items() if name == zoo.plugin or tool.name in zoo.onward}
    ours = attrs.evolve(
        registry,
        edges=tuple(edge for edge in registry.edges if edge in kept),
        runners=tuple(runner for runner in registry.runners if runner in kept),
        origins=kept,
    )
    return configured(ours, zoo.configs())


def plan_of(registry: Registry, zoo: Zoo) -> Plan:
    """Return every trial of a model on the CPU, in every precision; `registry` is what `every_tool` returned."""
    return make_plan(zoo.source, registry, Request(device=DeviceKind.CPU, precisions=PRECISIONS))


def routes_of(registry: Registry, zoo: Zoo) -> list[dict[str, Any]]:
    """Return what each trial is, as it is registered: also whether it only stands in for others."""
    ours = every_tool(registry, zoo)
    stand_ins = {(edge.source, edge.name) for edge in with_variants(registry, zoo).edges if edge.fallback}
    plan = plan_of(ours, zoo)
    walked = {build.route.id: build for build in plan.builds}
    fallbacks = {name for name, build in walked.items() if (build.edge.source, build.edge.name) in stand_ins}
    return [
        {
            "route": trial.route.id,
            "runner": trial.runner.name,
            "precision": trial.precision,
            "deprecated": trial.deprecated,
            "fallback": any(_begins(trial.route.id, name) for name in fallbacks),
        }
        for trial in plan.trials
    ]


def _begins(route: str, ancestor: str) -> bool:
    return route == ancestor or route.startswith(f"{ancestor}/")


def ground(registry: Registry, zoo: Zoo) -> dict[str, str]:
    """Return the versions and the kind of machine that the facts hold for; nothing that names the machine."""
    facts = dict(environment(registry))
    return {
        **{name: _version(name) for name in zoo.distributions},
        "navcore": facts["navcore"],
        "python": facts["python"],
        "system": f"{platform.system()} {platform.machine()}",
        "processor": facts["cpu.name"],
        "processors": facts["cpu.usable"],
    }


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def try_everything(loaded: Loaded, registry: Registry, **options: Any) -> nav.Package:
    """Return what `navcore.optimize` finds for the model with every tool of the registry on the CPU."""
    return nav.optimize(
        loaded.module,
        loaded.samples,
        optimization_profile=PROFILE,
        target_device="cpu",
        precision="auto",
        registry=registry,
        cache=False,
        timeout_s=900,
        quiet=True,
        **{"workspace": tempfile.mkdtemp(), **loaded.options, **options},
    )


def facts_of(package: nav.Package, loaded: Loaded) -> dict[str, Any]:
    """Return the row of a model: what it is, at which batch sizes it was compared, and a cell for each trial."""
    status = package.status
    builds = {build.route: build for build in status.builds}
    return {
        "told": loaded.told,
        "takes": str(status.signature),
        "outputs": {spec.name: spec.dtype for spec in status.signature.outputs},
        "compared_at": sorted({sample.batch_size for sample in status.samples if sample.batch_size is not None}),
        "cells": {f"{trial.route} on {trial.runner}": _cell(trial, builds) for trial in status.trials},
    }


def _cell(trial: TrialResult, builds: Mapping[str, BuildResult]) -> dict[str, Any]:
    if trial.status is Status.OK and trial.agreement is not None:
        artifact = builds[trial.route].artifact if trial.route in builds else None
        ranges = artifact.signature.ranges if artifact is not None else ()
        return {
            "works": True,
            "max_error": max((output.max_rel for output in trial.agreement.outputs), default=0.0),
            "compared_at": list(trial.agreement.batch_sizes),
            "good_for": ", ".join(str(each) for each in ranges),
        }
    first = next((builds[name] for name in _ancestors(trial.route) if name in builds and builds[name].failure), None)
    failure = first.failure if first is not None else trial.failure
    if failure is None:
        raise ValueError(f"{trial.route} on {trial.runner} is {trial.status} without a reason")
    step = first.route if first is not None else trial.runner
    return {"works": False, "kind": str(failure.kind), "step": step, "reason": sentence(failure.reason)}


def _ancestors(route: str) -> list[str]:
    parts = route.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]


def sentence(reason: str) -> str:
    """Return a reason as one line, without what differs from run to run or names the machine: addresses and folders."""
    line = " ".join(reason.split())
    line = re.sub(r" at 0x[0-9a-f]+", "", line)
    return re.sub(r"(?<![\w.])/(?:[\w.+@-]+/)+", "", line)

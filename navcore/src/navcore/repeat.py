"""optimize_package(): a run that starts from the models and samples in a package."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from navcore.contracts import CustomConfig, Edge, MetricFunction, Runner, VerifyFunction
from navcore.domain import BuildResult, DeviceKind, Omission, OptimizationProfile, Tolerance
from navcore.engine.by_signature import feeds_of
from navcore.engine.given import Given, PackageStart, given
from navcore.engine.host import Limits
from navcore.errors import TrustError, UsageError, WorkspaceError
from navcore.findings import Package
from navcore.formats import Format
from navcore.options import configured
from navcore.registry import Registry
from navcore.run import Conduct, run_from
from navcore.store.origin import Origin
from navcore.store.workspace import DEFAULT
from navcore.unusable import Obstacles

__all__ = ["optimize_package"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


def optimize_package(
    package: Package,
    *,
    target_formats: Sequence[Format | str] | None,
    device: DeviceKind | str | None,
    runners: Sequence[str | Runner] | None,
    profile: OptimizationProfile | None,
    custom_configs: Sequence[CustomConfig] | None,
    precision: str | Sequence[str] | None,
    metric: MetricFunction | None,
    max_metric_drop: float | None,
    tolerance: Tolerance | Mapping[str, Tolerance] | None,
    max_hops: int | None,
    seed: int | None,
    registry: Registry | None,
    workspace: Path | str | None,
    verbose: bool,
    verify: VerifyFunction | None,
    quiet: bool,
    isolate: bool,
    timeout_s: float,
    tool_timeouts_s: Mapping[str, float] | None,
    memory_limit_bytes: int | None,
    budget_s: float | None,
    resume: bool,
    cache: bool,
) -> Package:
    """Return what `navcore.package.optimize` returns."""
    try:
        conduct = Conduct(
            workspace=_elsewhere(workspace, package.workspace),
            verbose=verbose,
            verify=verify,
            metric=metric,
            quiet=quiet,
            isolate=isolate,
            limits=Limits(timeout_s, memory_limit_bytes),
            timeouts_s=dict(tool_timeouts_s or {}),
            cache=cache,
            budget_s=budget_s,
            resume=resume,
        )
    except (TypeError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(
            str(error).partition("\n")[0], "see help(navcore.package.optimize) for what each option takes"
        ) from error
    here = configured(registry or package.registry, custom_configs or ())
    asked = package.status.request
    start, tools = _start(package, here)
    found = run_from(
        start,
        conduct,
        tools,
        target_formats=target_formats,
        runners=runners,
        device=device,
        batching=asked.batching,
        sample_count=asked.sample_count,
        max_hops=asked.max_hops if max_hops is None else max_hops,
        profile=asked.profile if profile is None else profile,
        tolerance=_tolerance(asked.tolerance) if tolerance is None else tolerance,
        precision=asked.precision,
        precisions=asked.precisions if precision is None else precision,
        max_metric_drop=asked.max_metric_drop if max_metric_drop is None else max_metric_drop,
        input_names=asked.names.inputs,
        output_names=asked.names.outputs,
        seed=asked.seed if seed is None else seed,
    )
    found.registry = here  # what was given in place of exporters was for this run alone
    return found


def _elsewhere(workspace: Path | str | None, own: Path) -> Path | str | None:
    """Return the workspace, if it is not the package's own, nor around or inside it."""
    try:
        wanted = Path(DEFAULT if workspace is None else workspace).resolve()
    except TypeError:
        return workspace  # whoever opens it says what is wrong
    read = own.resolve()
    if wanted == read or wanted.is_relative_to(read) or read.is_relative_to(wanted):
        raise WorkspaceError(
            f"the package lies in {own}, which a run in the workspace {wanted} would clear",
            "pass workspace=<another folder>",
        )
    return workspace


def _tolerance(stored: Tolerance | tuple[tuple[str, Tolerance], ...] | None) -> Tolerance | dict[str, Tolerance] | None:
    return dict(stored) if isinstance(stored, tuple) else stored


def _start(package: Package, tools: Registry) -> tuple[PackageStart, Registry]:
    """Return where the run starts, and the tools with what is given in place of exporters."""
    source = package.model.format
    obstacles = Obstacles(package.status, tools, package.trusted, package.model)
    gifts: list[Given] = []
    omissions: list[Omission] = []
    for build in _exported(package):
        found = _gift(package, build, obstacles)
        if isinstance(found, Given):
            gifts.append(found)
        else:
            omissions.append(found)
    origin = None
    if package.model.path is not None:
        if risky := obstacles.untrusted(source.name, source):
            raise TrustError(f"{source} cannot be optimised: {risky.reason}", risky.fix)
        origin = _origin(package)
    names = {gift.name for gift in gifts}
    live = package.model.object is not None
    edges = tuple(
        edge for edge in tools.edges if edge.source != source or not source.live or (live and edge.name not in names)
    )
    start = PackageStart(
        given=[sample.given for sample in package.status.samples],
        model=package.model,
        pairs=_pairs(package),
        title=package.status.title,
        omissions=tuple(omissions),
        origin=origin,
    )
    return start, _with_edges(tools, (*edges, *gifts))


def _exported(package: Package) -> list[BuildResult]:
    """Return the builds that are one edge from a live source, each of another name."""
    if not package.model.format.live:
        return []
    built = {build.route: build for build in package.status.builds if build.artifact is not None}
    return [build for build in built.values() if _NAME.fullmatch(build.route) and build.route == build.tool]


def _gift(package: Package, build: BuildResult, obstacles: Obstacles) -> Given | Omission:
    """Return the stand-in for the exporter of a build, or why its artifact cannot be used."""
    assert build.artifact is not None
    if obstacles.left_out(build.artifact):
        return Omission(build.route, "it was left out when the package was saved")
    if found := obstacles.bound(build) or obstacles.untrusted(build.route, build.artifact.format):
        return found
    held = {known.name: known for known in obstacles.registry.formats()}.get(build.artifact.format.name)
    if held is None or held.live:
        return Omission(build.route, f"nothing here knows the format {build.artifact.format}")
    return given(build.artifact, build.tool, package.model.format, held, package.workspace)


def _origin(package: Package) -> Origin:
    """Return the model file of a package, with its files relative to the folder that it lies in."""
    found = package.origin()
    if found is None:
        raise UsageError(
            f"the model file of {package.status.title} is not known any more", "optimise it with navcore.optimize"
        )
    if changed := found.changed():
        raise WorkspaceError(f"{changed} has changed since the run", "optimise it again with navcore.optimize")
    return found


def _pairs(package: Package) -> list[Any]:
    signature = package.status.signature
    pairs = [(feeds_of(inputs, signature, index), outputs) for index, (inputs, outputs) in enumerate(package.samples())]
    if not pairs:
        raise UsageError("the package has no samples to compare with", "save it with save_data=True where it was made")
    return pairs


def _with_edges(tools: Registry, edges: Sequence[Edge]) -> Registry:
    by_name = tuple(sorted(edges, key=lambda edge: edge.name))
    origins = {tool: name for tool, name in tools.origins.items() if not isinstance(tool, Edge) or tool in by_name}
    origins |= {edge: "navcore.package" for edge in by_name if isinstance(edge, Given)}
    return attrs.evolve(tools, edges=by_name, origins=origins)

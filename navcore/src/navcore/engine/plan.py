"""make_plan(): which routes lead from the source to something that runs, and what was left out."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping

import attrs

from navcore.contracts import Edge, Model, Runner, Tool
from navcore.domain import PRECISIONS, Omission, Request, Route
from navcore.errors import any_failure
from navcore.formats import Format
from navcore.known import FIRST_PARTY
from navcore.registry import Registry

__all__ = ["Build", "Plan", "Trial", "blocked", "coarser", "make_plan", "reachable", "runner_for", "unsuited", "works"]


@attrs.frozen
class Build:
    """One edge to walk; its route is the one that ends with it."""

    route: Route
    edge: Edge


@attrs.frozen
class Trial:
    """One artifact, or the source, on one runner.

    Attributes:
        route: Of the artifact.
        runner: Who runs it.
        precision: The lowest precision that an edge or the runner lowers the model to; None: it keeps its own.
        deprecated: Whether an edge or the runner uses what its framework is about to drop.
    """

    route: Route
    runner: Runner
    precision: str | None = None
    deprecated: bool = False

    @property
    def subject(self) -> str:
        """Route and runner, for people."""
        return f"{self.route.id} on {self.runner.name}"


@attrs.frozen
class Plan:
    """What will be tried.

    Attributes:
        source: Format of the user's model.
        builds: Parents before children; what stands in for others comes last; shorter routes first, then by id.
        trials: The source first, then in the order of the builds, then by runner.
        omissions: What was left out, and why.
        idle: Routes that could be built here, though no runner of theirs works here, by id, with the reason.
    """

    source: Format
    builds: tuple[Build, ...]
    trials: tuple[Trial, ...]
    omissions: tuple[Omission, ...]
    idle: tuple[tuple[str, str], ...] = ()

    def tools_on_files(self) -> tuple[Tool, ...]:
        """Return the tools that work on files, and so can run in workers."""
        edges = (build.edge for build in self.builds if not build.edge.source.live)
        return *edges, *(trial.runner for trial in self.trials if not trial.route.format.live)


def make_plan(source: Format, registry: Registry, request: Request) -> Plan:
    """Return every way from the source format to a runner; the same for every order of registration.

    Raises:
        UnknownNameError: The request names a runner that no plugin has.
    """
    _check_runners(request.runners, registry)
    found = _Search(registry, request)
    walked = dict(found.walk(Route(source, (), source)))
    chains = _chains(walked)
    # What stands in for others comes last; otherwise shorter routes stay first, and parents before children.
    routes = dict(sorted(walked.items(), key=lambda step: sum(edge.fallback for edge in chains[step[0].edges])))
    trials, omissions = _trials(routes, chains, registry, request)
    idle = _idle(routes, trials, registry, request)
    if request.build_only:
        ends = {trial.route for trial in trials} | set(idle)
        trials, idle = (), {}
    else:
        ends = {trial.route for trial in trials}
    wanted = _wanted(routes, ends, request)
    builds = tuple(Build(route, edge) for route, edge in routes.items() if edge is not None and route in wanted)
    unused = _without_runner(routes, wanted, trials, registry, request)
    unreached = _unreached(source, routes, registry, request)
    left_out = {*found.omissions(), *omissions, *unused, *unreached}
    told = tuple((route.id, reason) for route, reason in idle.items() if route not in wanted)
    return Plan(source, builds, trials, tuple(sorted(left_out, key=attrs.astuple)), told)


def _check_runners(names: tuple[str, ...] | None, registry: Registry) -> None:
    for name in names or ():
        registry.runner(name)


def blocked(tool: Tool) -> Omission | None:
    """Return why a tool cannot work on this machine, as an omission, or None if it can."""
    try:
        reason: object = tool.unavailable()
    except any_failure() as error:  # a stranger's check may raise anything
        return Omission(tool.name, f"its check failed: {type(error).__name__}: {error}", "report this to its author")
    if reason is None:
        return None
    if not isinstance(reason, str):
        return Omission(tool.name, f"its check returned {reason!r}, not a sentence", "report this to its author")
    cause, _, fix = reason.partition(";")
    return Omission(tool.name, cause.strip(), fix.strip())


def unsuited(tool: Tool, model: Model) -> str | None:
    """Return why there is no point in trying the tool on the model, or None if there is."""
    try:
        reason: object = tool.unsuited(model)
    except any_failure() as error:  # a stranger's check may raise anything
        return f"its check failed: {type(error).__name__}: {error}"
    return None if reason is None else str(reason)


def coarser(first: str | None, second: str | None) -> str | None:
    """Return the lower one of two precisions, where None is the source's own."""
    return max(first, second, key=lambda name: PRECISIONS.index(name) if name in PRECISIONS else -1)


def works(tool: Tool) -> bool:
    """Return whether a tool says that it can work on this machine."""
    return blocked(tool) is None


def reachable(source: Format, registry: Registry) -> frozenset[Format]:
    """Return every format that some route from the source ends in, whether or not its tools work here."""
    found, new = {source}, {source}
    while new:
        new = {edge.target for edge in registry.edges if edge.source in new} - found
        found |= new
    return frozenset(found)


@attrs.define
class _Search:
    """Breadth-first search over the edges that work here."""

    registry: Registry
    request: Request
    too_long: int = 0
    blocked: dict[Edge, Omission | None] = attrs.field(factory=dict)

    def walk(self, start: Route) -> Iterator[tuple[Route, Edge | None]]:
        """Yield every route with its last edge, shorter ones first."""
        level: list[tuple[Route, tuple[Edge, ...]]] = [(start, ())]
        yield start, None
        for _ in range(self.request.max_hops):
            level = sorted(self._longer(level), key=lambda step: step[0].id)
            yield from ((route, edges[-1]) for route, edges in level)
        self.too_long = sum(1 for _ in self._longer(level))

    def _longer(self, level: Iterable[tuple[Route, tuple[Edge, ...]]]) -> Iterator[tuple[Route, tuple[Edge, ...]]]:
        for route, edges in level:
            for edge in self.registry.edges:
                if edge.source == route.format and _may_follow(edge, edges, route.source) and self._works(edge):
                    yield route.then(edge.name, edge.target), (*edges, edge)

    def _works(self, edge: Edge) -> bool:
        if edge not in self.blocked:
            self.blocked[edge] = blocked(edge) or _not_asked(edge, self.registry, self.request)
        return self.blocked[edge] is None

    def omissions(self) -> Iterator[Omission]:
        """Yield the edges that cannot work here, and the routes that were too long."""
        yield from (omission for omission in self.blocked.values() if omission)
        if self.too_long:
            most = self.request.max_hops
            plural = ("s" if self.too_long > 1 else "", "s" if most > 1 else "")
            subject = f"{self.too_long} route{plural[0]} of more than {most} edge{plural[1]}"
            yield Omission(subject, f"max_hops={most}", f"max_hops={most + 1}")


def _not_asked(tool: Tool, registry: Registry, request: Request) -> Omission | None:
    """Return that a tool lowers the precision and nobody asked for that, or None."""
    named = isinstance(tool, Runner) and tool.name in (request.runners or ())
    if tool.precision is None or tool.precision in request.precisions or tool in registry.asked or named:
        return None
    reason = f"it lowers the model to {tool.precision}, which was not asked for"
    return Omission(tool.name, reason, f"precision={tool.precision!r}, or precision='auto'")


def _chains(routes: Mapping[Route, Edge | None]) -> Mapping[tuple[str, ...], tuple[Edge, ...]]:
    """Return the edges of each route, by their names; routes come in order of length."""
    chains: dict[tuple[str, ...], tuple[Edge, ...]] = {(): ()}
    for route, edge in routes.items():
        if edge is not None:
            chains[route.edges] = (*chains[route.parent], edge)
    return chains


def _may_follow(edge: Edge, edges: tuple[Edge, ...], source: Format) -> bool:
    """Whether the edge keeps to the rules: no format twice but for passes, and passes in the order of their stage."""
    if not edge.is_pass:
        return edge.target not in {source, *(earlier.target for earlier in edges)}
    stages = [earlier.stage.order for earlier in edges if earlier.is_pass and earlier.stage]
    return edge.stage is not None and all(order < edge.stage.order for order in stages)


def _trials(
    routes: Mapping[Route, Edge | None],
    chains: Mapping[tuple[str, ...], tuple[Edge, ...]],
    registry: Registry,
    request: Request,
) -> tuple[tuple[Trial, ...], list[Omission]]:
    trials, omissions = [], []
    reached = {route.format for route in routes if _targeted(route, request)}
    usable = []
    for runner in registry.runners:
        if runner.accepts not in reached or (request.runners is not None and runner.name not in request.runners):
            continue
        omission = blocked(runner) or _wrong_device(runner, request) or _not_asked(runner, registry, request)
        if omission:
            omissions.append(omission)
        else:
            usable.append(runner)
    usable.sort(key=lambda runner: (not runner.plain, runner.name))
    for route in routes:
        if _targeted(route, request):
            trials += [
                _trial(route, chains[route.edges], runner) for runner in usable if runner.accepts == route.format
            ]
    return tuple(trials), omissions


def _trial(route: Route, edges: Iterable[Edge], runner: Runner) -> Trial:
    tools: tuple[Tool, ...] = (*edges, runner)
    lowest = functools.reduce(coarser, (tool.precision for tool in tools))
    return Trial(route, runner, lowest, any(tool.deprecated for tool in tools))


def _targeted(route: Route, request: Request) -> bool:
    return route.is_source or request.target_formats is None or route.format in request.target_formats


def _wrong_device(runner: Runner, request: Request) -> Omission | None:
    if request.device in runner.devices:
        return None
    devices = " and ".join(map(str, runner.devices))
    return Omission(
        runner.name, f"runs on {devices}, and the target device is {request.device}", f"target_device={devices}"
    )


def _idle(
    routes: Mapping[Route, Edge | None], trials: tuple[Trial, ...], registry: Registry, request: Request
) -> dict[Route, str]:
    """Return the routes that no runner here runs, though one is registered that would elsewhere, with its reason."""
    tried = {trial.route for trial in trials}
    found: dict[Route, str] = {}
    for route in routes:
        if route in tried or route.is_source or not _targeted(route, request):
            continue
        takers = [runner for runner in registry.runners if runner.accepts == route.format]
        named = [runner for runner in takers if request.runners is None or runner.name in request.runners]
        reasons = [blocked(runner) or _wrong_device(runner, request) for runner in named]
        if told := next((omission.reason for omission in reasons if omission is not None), None):
            found[route] = told
    return found


def _wanted(routes: Mapping[Route, Edge | None], ends: set[Route], request: Request) -> set[Route]:
    """Routes that a trial or the user needs, with all their ancestors."""
    ends = set(ends)
    if request.target_formats is not None:
        ends |= {route for route in routes if route.format in request.target_formats}
    needed = {(route.edges[:length]) for route in ends for length in range(len(route.edges) + 1)}
    return {route for route in routes if route.edges in needed}


def _without_runner(
    routes: Mapping[Route, Edge | None],
    wanted: set[Route],
    trials: tuple[Trial, ...],
    registry: Registry,
    request: Request,
) -> Iterator[Omission]:
    """Yield the routes that could be built, but whose artifact nothing here could run."""
    if request.runners is not None:
        return
    tried = {trial.route for trial in trials}
    for route in routes:
        if route in tried or not _targeted(route, request):
            continue
        if any(runner.accepts == route.format for runner in registry.runners):
            continue  # the runners are there, and each says itself why it does not run here
        fix = runner_for(route.format)
        verb = "it is built, but not tried" if route in wanted else "not built"
        yield Omission(route.id, f"no installed plugin runs {route.format}; {verb}", fix)


def _unreached(
    source: Format, routes: Mapping[Route, Edge | None], registry: Registry, request: Request
) -> Iterator[Omission]:
    """Yield what the user asked for by name and no route leads to."""
    reached = {route.format for route in routes}
    for wanted in request.target_formats or ():
        if wanted not in reached:
            yield Omission(wanted.name, f"no route leads from {source} to this format", _maker_of(wanted))
    targeted = {route.format for route in routes if _targeted(route, request)}
    for name in request.runners or ():
        accepts = registry.runner(name).accepts
        if accepts not in targeted:
            yield Omission(name, f"it runs {accepts}, which no route that was asked for leads to", _maker_of(accepts))


def _maker_of(wanted: Format) -> str:
    hint = runner_for(wanted)
    return f"{hint}, or see `nav plugins` for what makes {wanted}" if hint.startswith("pip") else "see `nav plugins`"


def runner_for(target: Format) -> str:
    """Return how to come by a plugin that runs a format."""
    hints = {"onnx": "onnx", "openvino-ir": "openvino", "trt": "trt", "jax-stablehlo": "jax"}
    hints |= {"tf-savedmodel": "tf", "tflite": "tf"}
    name = hints.get(target.name, "torch" if target.name.startswith("torch") else "")
    return f"pip install {FIRST_PARTY[name].distribution}" if name else "install a plugin that runs it"

"""run_builds(): walk the edges of the plan. Files of artifacts appear only here."""

from __future__ import annotations

import io
import math
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from navcore.contracts import Model
from navcore.domain import (
    Artifact,
    BuildResult,
    Event,
    Failure,
    FailureKind,
    Signature,
    Status,
    StepFinished,
    StepStarted,
)
from navcore.engine.describe import Source
from navcore.engine.failures import failure_from
from navcore.engine.fleet import Fleet
from navcore.engine.plan import Build, Plan, unsuited
from navcore.engine.shelf import Shelf
from navcore.errors import any_failure
from navcore.store.journal import Journal
from navcore.store.workspace import Workspace

__all__ = ["model_of", "run_builds", "without_parent"]

Emit = Callable[[Event], None]


def run_builds(
    plan: Plan,
    source: Source,
    workspace: Workspace,
    fleet: Fleet,
    shelf: Shelf,
    journal: Journal,
    emit: Emit,
    *,
    facts: Mapping[str, str] | None = None,
    deadline: float = math.inf,
    verbose: bool = False,
) -> tuple[BuildResult, ...]:
    """Build every artifact of the plan, parents first; a failed parent skips its children.

    A fallback is skipped where its target was built by another route; so is an edge that can do nothing for the model.

    Args:
        plan, source: What to build from what.
        workspace, fleet: Where, and by whom.
        shelf: What was built before is taken from there.
        journal: What an earlier run has finished is not done again; what this one finishes is noted.
        emit: Told about every step.
        facts: The environment, from which artifacts that are bound to it take what they were built for.
        deadline: By time.monotonic(); what has not begun by then is skipped.
        verbose: Whether to show what tools print.
    """
    results: dict[tuple[str, ...], BuildResult] = {}
    for build in plan.builds:
        parent = results.get(build.route.parent)
        result = _kept(journal.finished_build(build.route.id), workspace)
        if result is None:
            emit(StepStarted("build", build.route.id))
        skipped = None if result is not None else _pointless(build, parent, source, workspace, results)
        if skipped is not None:
            result = _skipped(build, skipped)
        elif result is None and time.monotonic() > deadline:
            reason = "the time for building was used up before its turn"
            result = _skipped(build, Failure("budget", reason, "pass a larger budget_s"))
        elif result is None:
            model = source.model if parent is None else model_of(parent, source, workspace)
            try:
                result = _run_build(build, model, parent, workspace, fleet, shelf, verbose)
                result = _bound(result, build, facts or {})
            except OSError as error:  # not even the log could be written
                failure = failure_from(error, io.StringIO(), "")
                result = BuildResult(build.route.id, build.edge.name, Status.FAILED, 0.0, failure=failure)
        results[build.route.edges] = result
        journal.build(result)
        emit(StepFinished("build", build.route.id, result))
    return tuple(results.values())


def _pointless(
    build: Build,
    parent: BuildResult | None,
    source: Source,
    workspace: Workspace,
    results: Mapping[tuple[str, ...], BuildResult],
) -> Failure | None:
    """Return why a build need not begin: it has nothing to begin with, is not needed, or can do nothing."""
    if parent is not None and parent.status is not Status.OK:
        return without_parent(parent)
    if build.edge.fallback and (other := _other_way(build, results)) is not None:
        return Failure("not-needed", f"{other} was built, so what gives {build.edge.target} in its place is not needed")
    model = source.model if parent is None else model_of(parent, source, workspace)
    reason = unsuited(build.edge, model)
    return Failure("unsuited", reason) if reason is not None else None


def without_parent(parent: BuildResult, consequence: str = ", and this is made from it") -> Failure:
    """Return why nothing is made of, or run on, what was not built."""
    if parent.failure is not None and parent.failure.kind in (FailureKind.NOT_NEEDED, FailureKind.UNSUITED):
        return parent.failure
    return Failure("parent", f"{parent.route} was not built{consequence}", "see the reason there")


def _other_way(build: Build, results: Mapping[tuple[str, ...], BuildResult]) -> str | None:
    """Return the first route that has given what a fallback would give."""
    given = (
        each.route
        for each in results.values()
        if each.artifact is not None and each.artifact.format == build.edge.target
    )
    return next(given, None)


def _kept(result: BuildResult | None, workspace: Workspace) -> BuildResult | None:
    """Return a finished build whose files are still what they were."""
    if result is None or result.artifact is None:
        return result
    return result if all(workspace.holds(file) for file in result.artifact.files) else None


def model_of(result: BuildResult | None, source: Source, workspace: Workspace) -> Model:
    """Return the model that a successful build made; None: the source itself."""
    if result is None:
        return source.model
    if result.artifact is None:
        raise ValueError(f"{result.route} has no artifact: {result.failure}")
    artifact = result.artifact
    return Model(
        format=artifact.format,
        signature=artifact.signature,
        path=workspace.root / artifact.path,
        examples=source.model.examples,
    )


def _bound(result: BuildResult, build: Build, facts: Mapping[str, str]) -> BuildResult:
    """Return the result with the facts that its artifact needs; one that nobody knows is `unknown`."""
    if result.artifact is None or not build.edge.bound_to:
        return result
    built_for = tuple((name, facts.get(name, "unknown")) for name in sorted(set(build.edge.bound_to)))
    return attrs.evolve(result, artifact=attrs.evolve(result.artifact, built_for=built_for))


def _skipped(build: Build, failure: Failure) -> BuildResult:
    return BuildResult(build.route.id, build.edge.name, Status.SKIPPED, 0.0, failure=failure)


def _run_build(
    build: Build,
    model: Model,
    parent: BuildResult | None,
    workspace: Workspace,
    fleet: Fleet,
    shelf: Shelf,
    verbose: bool,
) -> BuildResult:
    """Take the artifact from the cache, or let the edge write it into a folder of its own.

    The folder gets into its place only once it is whole.
    """
    start = time.perf_counter()
    log = workspace.log(f"build-{build.route.id}")
    log.parent.mkdir(exist_ok=True)
    blank = BuildResult(build.route.id, build.edge.name, Status.FAILED, 0.0)
    key: str | None = None
    found: object = None
    with log.open("a", encoding="utf-8") as file, workspace.scratch() as scratch:
        try:
            key = shelf.key(build, model, parent)
            found = shelf.take(key, scratch, log)
            outcome = found or _write(build, model, scratch, fleet, log, verbose)
            if isinstance(outcome, Failure):
                failure = attrs.evolve(outcome, log=workspace.relative(log))
                result = attrs.evolve(blank, failure=failure)
            else:
                signature, main = outcome
                if found is None:
                    shelf.put(key, scratch, main, signature, build)
                artifact = _place(build, scratch, main, signature, workspace)
                result = attrs.evolve(blank, status=Status.OK, artifact=artifact)
        except any_failure() as error:  # a stranger's converter may raise anything, and a disk be full
            found = None
            result = attrs.evolve(blank, failure=failure_from(error, file, workspace.relative(log)))
    if result.failure is not None and found is None:
        shelf.put_failure(key, result.failure, log, build)
    return attrs.evolve(result, duration_s=time.perf_counter() - start, cached=found is not None)


def _write(
    build: Build, model: Model, scratch: Path, fleet: Fleet, log: Path, verbose: bool
) -> tuple[Signature, str] | Failure:
    out = scratch / f"model{build.route.format.suffix}"
    signature = fleet.write(build.edge, model, out, log, build.route.id, echo=verbose)
    return _check(signature, model.signature, out) or (signature, out.name)


def _place(build: Build, scratch: Path, main: str, signature: Signature, workspace: Workspace) -> Artifact:
    folder = workspace.artifact_folder(build.route.id)
    if folder.exists():  # what an interrupted run left there is not what its journal says
        shutil.rmtree(folder)
    scratch.rename(folder)
    return Artifact(build.route.format, workspace.relative(folder / main), signature, workspace.hashes(folder))


def _check(signature: Signature, expected: Signature, out: Path) -> Failure | None:
    """A converter that returns has proved nothing: look for the file and at the names."""
    if not out.exists():
        return Failure("no-artifact", f"the tool returned without writing {out.name}", "report this to its author")
    if not isinstance(signature, Signature):
        return Failure("signature", f"the tool returned {type(signature).__name__}, not a Signature", "report this")
    for side in ("input_names", "output_names"):
        wanted, got = getattr(expected, side), getattr(signature, side)
        if set(wanted) != set(got):
            reason = f"{side.replace('_', ' ')} are {', '.join(got)}; the source has {', '.join(wanted)}"
            return Failure("signature", reason, "report this to the tool's author")
    return None

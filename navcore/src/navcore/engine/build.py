"""run_builds(): walk the edges of the plan. Files of artifacts appear only here."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import attrs

from navcore.contracts import Model
from navcore.domain import (
    Artifact,
    BuildResult,
    Event,
    Failure,
    Signature,
    Status,
    StepFinished,
    StepStarted,
)
from navcore.engine.describe import Source
from navcore.engine.failures import failure_from
from navcore.engine.fleet import Fleet
from navcore.engine.plan import Build, Plan
from navcore.store.journal import Journal
from navcore.store.workspace import Workspace

__all__ = ["model_of", "run_builds"]

Emit = Callable[[Event], None]


def run_builds(
    plan: Plan,
    source: Source,
    workspace: Workspace,
    fleet: Fleet,
    journal: Journal,
    emit: Emit,
    *,
    deadline: float = math.inf,
    verbose: bool = False,
) -> tuple[BuildResult, ...]:
    """Build every artifact of the plan, parents first; a failed parent skips its children.

    Args:
        plan, source: What to build from what.
        workspace, fleet: Where, and by whom.
        journal: What an earlier run has finished is not done again; what this one finishes is noted.
        emit: Told about every step.
        deadline: By time.monotonic(); what has not begun by then is skipped.
        verbose: Whether to show what tools print.
    """
    results: dict[tuple[str, ...], BuildResult] = {}
    for build in plan.builds:
        parent = results.get(build.route.parent)
        result = _kept(journal.finished_build(build.route.id), workspace)
        if result is None:
            emit(StepStarted("build", build.route.id))
        if result is None and parent is not None and parent.status is not Status.OK:
            result = _skipped(build, parent)
        elif result is None and time.monotonic() > deadline:
            result = _over_budget(build)
        elif result is None:
            model = source.model if parent is None else model_of(parent, source, workspace)
            result = _run_build(build, model, workspace, fleet, verbose)
        results[build.route.edges] = result
        journal.build(result)
        emit(StepFinished("build", build.route.id, result))
    return tuple(results.values())


def _kept(result: BuildResult | None, workspace: Workspace) -> BuildResult | None:
    """Return a finished build whose files are still what they were."""
    if result is None or result.artifact is None:
        return result
    return result if all(workspace.holds(file) for file in result.artifact.files) else None


def _over_budget(build: Build) -> BuildResult:
    failure = Failure("budget", "the time for building was used up before its turn", "pass a larger budget_s")
    return BuildResult(build.route.id, build.edge.name, Status.SKIPPED, 0.0, failure=failure)


def model_of(result: BuildResult, source: Source, workspace: Workspace) -> Model:
    """Return the model that a successful build made."""
    if result.artifact is None:
        raise ValueError(f"{result.route} has no artifact: {result.failure}")
    artifact = result.artifact
    return Model(
        format=artifact.format,
        signature=artifact.signature,
        path=workspace.root / artifact.path,
        examples=source.model.examples,
    )


def _skipped(build: Build, parent: BuildResult) -> BuildResult:
    failure = Failure("parent", f"{parent.route} was not built, and this is made from it", "see the reason there")
    return BuildResult(build.route.id, build.edge.name, Status.SKIPPED, 0.0, failure=failure)


def _run_build(build: Build, model: Model, workspace: Workspace, fleet: Fleet, verbose: bool) -> BuildResult:
    start = time.perf_counter()
    outcome = _write(build, model, workspace, fleet, verbose)
    duration_s = time.perf_counter() - start
    if isinstance(outcome, Failure):
        return BuildResult(build.route.id, build.edge.name, Status.FAILED, duration_s, failure=outcome)
    return BuildResult(build.route.id, build.edge.name, Status.OK, duration_s, artifact=outcome)


def _write(build: Build, model: Model, workspace: Workspace, fleet: Fleet, verbose: bool) -> Artifact | Failure:
    """Let the edge write into a folder of its own, and put the folder in its place only once it is whole."""
    log = workspace.log(f"build-{build.route.id}")
    target = build.route.format
    log.parent.mkdir(exist_ok=True)
    with log.open("a", encoding="utf-8") as file, workspace.scratch() as scratch:
        out = scratch / f"model{target.suffix}"
        try:
            signature = fleet.write(build.edge, model, out, log, build.route.id, echo=verbose)
            failure = _check(signature, model.signature, out)
            if failure is not None:
                return attrs.evolve(failure, log=workspace.relative(log))
            folder = workspace.artifact_folder(build.route.id)
            if folder.exists():  # what an interrupted run left there is not what its journal says
                shutil.rmtree(folder)
            scratch.rename(folder)
            return Artifact(target, workspace.relative(folder / out.name), signature, workspace.hashes(folder))
        except (Exception, SystemExit) as error:  # a stranger's converter may raise anything, and a disk be full
            return failure_from(error, file, workspace.relative(log))


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

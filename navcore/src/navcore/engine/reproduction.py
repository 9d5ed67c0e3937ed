"""Scripts that redo single steps outside the engine, written into the workspace once the steps are done."""

from __future__ import annotations

import logging
from collections.abc import Callable

from navcore.domain import BuildResult, TrialResult
from navcore.engine.build import model_of
from navcore.engine.check import Bench
from navcore.engine.plan import Build, Plan, Trial
from navcore.engine.reference import reference_of
from navcore.store.journal import Journal
from navcore.store.reproduce import write_build_script, write_trial_script

__all__ = ["write_scripts"]

_LOGGER = logging.getLogger(__name__)
_MOST_SAMPLES = 3


def write_scripts(plan: Plan, bench: Bench, journal: Journal) -> None:
    """Write a script for every step whose inputs are there, with the first samples.

    A tool that cannot be written down has none.
    """
    try:
        _write_scripts(plan, bench, journal)
    except OSError as error:
        _LOGGER.warning("the scripts in reproduce/ cannot be written: %s", error)


def _write_scripts(plan: Plan, bench: Bench, journal: Journal) -> None:
    count = min(len(bench.source.samples), _MOST_SAMPLES)
    built = {build.route.edges: journal.builds.get(build.route.id) for build in plan.builds}
    for build in plan.builds:
        parent, result = built.get(build.route.parent), built[build.route.edges]
        if result is not None and (parent is None or parent.artifact is not None):
            _try(_build, build, result, parent, bench, count)
    for trial in plan.trials:
        made, found = built.get(trial.route.edges), journal.trials.get(trial.subject)
        if found is not None and (made is None or made.artifact is not None):
            _try(_trial, trial, found, made, bench, count)


def _try(write: Callable[..., None], *arguments: object) -> None:
    try:
        write(*arguments)
    except ValueError as error:  # a tool or a call that has no form as source code
        _LOGGER.debug("no script: %s", error)


def _build(build: Build, result: BuildResult, parent: BuildResult | None, bench: Bench, count: int) -> None:
    model = bench.source.model if parent is None else model_of(parent, bench.source, bench.workspace)
    write_build_script(bench.workspace, result, reference_of(build.edge), model, build.route.format, samples=count)


def _trial(trial: Trial, found: TrialResult, made: BuildResult | None, bench: Bench, count: int) -> None:
    model = bench.source.model if made is None else model_of(made, bench.source, bench.workspace)
    write_trial_script(bench.workspace, found, reference_of(trial.runner), model, bench.request.device, samples=count)

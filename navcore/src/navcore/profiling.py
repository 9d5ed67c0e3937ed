"""profile_package(): how fast every model of a package is on every runner, with every sample."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from navcore.contracts import Model, Runner, Tensors
from navcore.domain import DeviceKind, Omission, OptimizationProfile, Request, Signature, Status, TrialResult
from navcore.engine.by_signature import feeds_of
from navcore.engine.candidate import Candidate
from navcore.engine.capture import captured
from navcore.engine.failures import failure_from
from navcore.engine.fleet import Fleet
from navcore.engine.host import Limits
from navcore.engine.measure import measure_round_robin
from navcore.engine.plan import blocked, works
from navcore.engine.shapes import batch_size, resized
from navcore.engine.sweep import Sweep, batch_sizes
from navcore.errors import DataloaderError, UsageError, any_failure
from navcore.findings import Package
from navcore.formats import Format
from navcore.options import make_request
from navcore.profiling_results import ProfiledRuntime, ProfiledSample, ProfilingResults
from navcore.store.workspace import Workspace
from navcore.unusable import Obstacles

__all__ = ["ProfilingResults", "profile_package"]


def profile_package(
    package: Package,
    dataloader: Iterable[Any] | None,
    *,
    target_formats: Sequence[Format | str] | None,
    device: DeviceKind | str | None,
    runners: Sequence[str | Runner] | None,
    profile: Mapping[str, Any],
    verbose: bool,
    isolate: bool,
    timeout_s: float,
) -> ProfilingResults:
    """Return what `navcore.package.profile` returns."""
    request = _request(package, target_formats, device, runners, profile)
    samples = _samples(package, dataloader)
    entries = list(_entries(package, request))
    if not any(isinstance(entry, _Entry) for entry in entries):
        raise UsageError(*_nothing(entries))
    fleet = Fleet(isolate and os.name == "posix", package.registry.origins, Limits(timeout_s))
    with tempfile.TemporaryDirectory(prefix="navcore-profile-") as folder, contextlib.closing(fleet):
        bench = _Bench(Workspace(Path(folder)), fleet, request, package.status.signature, verbose)
        found = bench.measured([entry for entry in entries if isinstance(entry, _Entry)], samples)
    rest = [entry for entry in entries if isinstance(entry, ProfiledRuntime)]
    return ProfilingResults(
        title=package.status.title,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        device=request.device,
        samples=tuple(
            tuple((name, tuple(map(int, array.shape))) for name, array in sample.items()) for sample in samples
        ),
        runtimes=(*found, *rest),
    )


def _request(
    package: Package,
    target_formats: Sequence[Format | str] | None,
    device: DeviceKind | str | None,
    runners: Sequence[str | Runner] | None,
    profile: Mapping[str, Any],
) -> Request:
    try:
        measured = OptimizationProfile(**profile)
    except (TypeError, ValueError) as error:
        raise UsageError(
            str(error).partition("\n")[0], "see help(navcore.package.profile) for what each option takes"
        ) from error
    return make_request(
        package.registry,
        package.model.format,
        target_formats=target_formats,
        runners=runners,
        device=_device(package) if device is None else device,
        profile=measured,
    )


def _device(package: Package) -> DeviceKind:
    """Return the device that the package was made for, or the CPU where nothing here runs on that."""
    wanted = package.status.request.device
    held = {build.artifact.format for build in package.status.builds if build.artifact is not None}
    takes = (runner for runner in package.registry.runners if runner.accepts in {package.model.format, *held})
    return wanted if any(wanted in runner.devices and works(runner) for runner in takes) else DeviceKind.CPU


def _samples(package: Package, dataloader: Iterable[Any] | None) -> list[Tensors]:
    if dataloader is None:
        stored = zip(package.samples(), package.status.samples, strict=True)
        given: Iterable[Any] = (inputs for (inputs, _), told in stored if told.given)
    else:
        given = dataloader
    if not isinstance(given, Iterable):
        raise DataloaderError(
            f"the dataloader is a {type(given).__name__}, which cannot be iterated over", "pass a list of samples"
        )
    samples = [feeds_of(sample, package.status.signature, index) for index, sample in enumerate(given)]
    if not samples:
        raise DataloaderError("the dataloader gave no samples", "pass at least one sample, or leave it out")
    return samples


@attrs.frozen(eq=False)
class _Entry:
    """A model on a runner that can be measured."""

    blank: ProfiledRuntime
    runner: Runner
    model: Model

    @property
    def name(self) -> str:
        return f"{self.blank.route} on {self.blank.runner}"


def _entries(package: Package, request: Request) -> Iterator[_Entry | ProfiledRuntime]:
    """Yield every model on every runner that was asked for: to be measured, or with the reason why it is not."""
    obstacles = Obstacles(package.status, package.registry, package.trusted, package.model)
    tried = {(trial.route, trial.runner): trial for trial in package.status.trials}
    for model in _models(package):
        if model.hops and request.target_formats is not None and model.format not in request.target_formats:
            continue
        found = obstacles.of_model(model.route, is_source=not model.hops)
        for runner in _runners(package, model.format, request):
            blank = ProfiledRuntime(model.route, model.format.name, runner.name)
            obstacle = found or blocked(runner) or _failed(tried.get((model.route, runner.name)))
            if obstacle is not None:
                yield attrs.evolve(blank, status=Status.SKIPPED, reason=obstacle.reason, fix=obstacle.fix)
            else:
                trial = attrs.evolve(model, runner=runner.name)
                yield _Entry(blank, runner, package.model_of(trial))


def _models(package: Package) -> Iterator[TrialResult]:
    """Yield the source and every artifact, each as a trial without a runner."""
    source = package.model.format
    yield TrialResult(source.name, source, "", 0, Status.OK)
    for build in package.status.builds:
        if build.artifact is not None:
            yield TrialResult(build.route, build.artifact.format, "", 1, Status.OK)


def _runners(package: Package, held: Format, request: Request) -> Iterator[Runner]:
    for runner in package.registry.runners:
        named = request.runners is None or runner.name in request.runners
        if runner.accepts == held and named and request.device in runner.devices:
            yield runner


def _failed(trial: TrialResult | None) -> Omission | None:
    """Return what was wrong with a runtime in the package's own run, or None."""
    if trial is None or trial.status is not Status.FAILED or trial.failure is None:
        return None
    return Omission(trial.route, f"it failed in the run: {trial.failure.reason}", trial.failure.fix)


def _nothing(entries: Sequence[_Entry | ProfiledRuntime]) -> tuple[str, str]:
    told = [entry for entry in entries if isinstance(entry, ProfiledRuntime)]
    reasons = "; ".join(f"{entry.route} on {entry.runner}: {entry.reason}" for entry in told)
    fixes = [entry.fix for entry in told if entry.fix]
    return (
        f"there is nothing to measure: {reasons or 'no runner that is installed takes a model of this package'}",
        fixes[0] if fixes else "run `nav plugins` to see what is installed",
    )


@attrs.frozen(eq=False)
class _Bench:
    """Where and how everything is measured."""

    space: Workspace
    fleet: Fleet
    request: Request
    signature: Signature
    verbose: bool

    def measured(self, entries: Sequence[_Entry], samples: Sequence[Tensors]) -> tuple[ProfiledRuntime, ...]:
        """Open all, and measure them side by side with one sample after the other."""
        results = {entry.name: entry.blank for entry in entries}
        with contextlib.ExitStack() as opened:
            candidates: dict[str, Candidate] = {}
            for entry in entries:
                try:
                    candidates[entry.name] = self.open(entry, opened)
                except any_failure() as error:  # a stranger's runtime may raise anything
                    results[entry.name] = _broken(entry.blank, error)
            for index, sample in enumerate(samples):
                for sweep in self.swept(candidates, sample):
                    profiled = ProfiledSample(index, tuple(sweep.measurements), tuple(sweep.notes))
                    before = results[sweep.name]
                    results[sweep.name] = attrs.evolve(before, samples=(*before.samples, profiled))
        return tuple(_judged(results[entry.name]) for entry in entries)

    def open(self, entry: _Entry, opened: contextlib.ExitStack) -> Candidate:
        """Open a model on its runner, until the stack is closed."""
        log = self.space.log(entry.name)
        with captured(log, echo=self.verbose):
            candidate = self.fleet.open(entry.runner, entry.model, self.request.device, log, entry.name)
            opened.callback(_close, candidate)  # at once: an interrupt may come while the log is closed
        return candidate

    def swept(self, candidates: Mapping[str, Candidate], sample: Tensors) -> list[Sweep]:
        """Measure one sample at all batch sizes."""
        random = np.random.default_rng(self.request.seed)
        size = batch_size(self.signature, sample)
        sweeps = [Sweep(name, candidate, works_at=size or 0) for name, candidate in candidates.items()]
        with captured(self.space.log("measure"), echo=self.verbose):
            for wanted, feeds in self._sizes(sample):
                alive = [sweep for sweep in sweeps if not sweep.ended]
                if not alive:
                    break
                measure_round_robin(alive, feeds, wanted, self.request.profile, baseline=None, random=random)
        return sweeps

    def _sizes(self, sample: Tensors) -> Iterator[tuple[int | None, Tensors]]:
        batched = [name for name in self.signature.input_names if self.signature.batched(name)]
        if not batched:
            yield None, sample
            return
        for size in batch_sizes(self.request.profile):
            yield size, resized(sample, batched, size)


def _close(candidate: Candidate) -> None:
    with contextlib.suppress(Exception, SystemExit):  # a stranger's runtime may fail at that too; it was measured
        candidate.close()


def _broken(blank: ProfiledRuntime, error: BaseException) -> ProfiledRuntime:
    failure = failure_from(error, io.StringIO(), "")
    return attrs.evolve(blank, status=Status.FAILED, reason=failure.reason, fix=failure.fix)


def _judged(found: ProfiledRuntime) -> ProfiledRuntime:
    """Return the result, failed where not one sample could be measured."""
    if found.status is not Status.OK or any(sample.measurements for sample in found.samples):
        return found
    notes = [note for sample in found.samples for note in sample.notes]
    return attrs.evolve(found, status=Status.FAILED, reason=notes[0] if notes else "it was not measured")

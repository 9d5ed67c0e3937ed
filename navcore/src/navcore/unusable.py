"""What keeps artifacts of a package from being used here: no plugin, another machine, no trust."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

import attrs

from navcore.contracts import Model
from navcore.domain import Artifact, BuildResult, Omission, PackageStatus, TrialResult
from navcore.engine.plan import blocked, runner_for
from navcore.environment import environment
from navcore.formats import Format, Risk
from navcore.registry import Registry

__all__ = ["Obstacles", "REOPTIMIZE", "TRUST", "risk_of"]

UNKNOWN = "unknown"
REOPTIMIZE = "nav.package.optimize(package)"
TRUST = 'nav.package.load(path, trust="code"), if you know where it comes from'


@attrs.frozen(eq=False, slots=False)  # for cached_property
class Obstacles:
    """Says why an artifact or a trial cannot be used here.

    Attributes:
        status: Of the package.
        registry: The plugins at hand.
        trusted: Whether artifacts that can run code may be opened.
        source: The user's model, as far as it is there.
    """

    status: PackageStatus
    registry: Registry
    trusted: bool
    source: Model

    def listed(self) -> Iterator[Omission]:
        """Yield every artifact that cannot be used here, in the order of the builds; imports no framework.

        What was bound to a machine is compared with this one, for which its plugins may have to be asked.
        """
        for build in self.status.builds:
            if build.artifact is not None and (found := self.of_build(build)) is not None:
                yield found

    def of_build(self, build: BuildResult) -> Omission | None:
        """Return what keeps the artifact of a build from being run here, or None."""
        if build.artifact is None:
            return None
        if self.left_out(build.artifact):
            return Omission(build.route, "it was left out when the package was saved", REOPTIMIZE)
        if not any(runner.accepts == build.artifact.format for runner in self.registry.runners):
            reason = f"no installed plugin runs {build.artifact.format}"
            return Omission(build.route, reason, runner_for(build.artifact.format))
        return self.bound(build) or self.untrusted(build.route, build.artifact.format)

    def of_model(self, route: str, *, is_source: bool) -> Omission | None:
        """Return what keeps the source, or the artifact of a route, from being run here, or None."""
        if is_source:
            if self.source.object is None and self.source.path is None:
                return Omission(route, "the package does not hold the source", "package.load_source_model(model)")
            if self.source.object is not None:
                return None
            if self.status.origin is not None and self.left_out(self.status.origin):
                return Omission(route, "the package does not hold the source", "ask for a package that does")
            return self.untrusted(route, self.source.format)
        build = next((build for build in self.status.builds if build.route == route), None)
        if build is None or build.artifact is None:
            return Omission(route, "the package has no such artifact", REOPTIMIZE)
        return self.of_build(build)

    def of_trial(self, trial: TrialResult) -> Omission | None:
        """Return what keeps a model from being run here on the runner of a trial, or None."""
        subject = f"{trial.route} on {trial.runner}"
        if found := self.of_model(trial.route, is_source=not trial.hops):
            return attrs.evolve(found, subject=subject)
        held = trial.format if trial.hops else self.source.format
        runner = next((runner for runner in self.registry.runners if runner.name == trial.runner), None)
        if runner is None:
            return Omission(subject, f"no installed plugin has the runner {trial.runner}", runner_for(held))
        build = next((build for build in self.status.builds if trial.hops and build.route == trial.route), None)
        made = build.artifact.format if build is not None and build.artifact is not None else held
        if not (runner.accepts == held == made):
            return Omission(subject, f"{trial.runner} runs {runner.accepts} here, and this is {made}", REOPTIMIZE)
        device = self.status.request.device
        if device not in runner.devices:
            return Omission(subject, f"{trial.runner} does not run on {device} here", REOPTIMIZE)
        if found := blocked(runner):
            return Omission(subject, f"{trial.runner} cannot be used here: {found.reason}", found.fix)
        return None

    def left_out(self, artifact: Artifact) -> bool:
        """Whether a saved package does not hold the artifact."""
        paths = [file.path for file in artifact.files]
        if artifact.path not in paths and not all(path.startswith(f"{artifact.path}/") for path in paths):
            return True  # its path would lead to something that was not checked
        return bool(self.status.files) and (not paths or not self._held.issuperset(paths))

    def bound(self, build: BuildResult) -> Omission | None:
        """Return the first fact of the machine that an artifact was built for and that is another one here, or None.

        What neither the package nor this machine can tell counts as the same only where the package was made here.
        """
        if build.artifact is None:
            return None
        for name, wanted in build.artifact.built_for:
            here = self._facts.get(name, UNKNOWN)
            if here != wanted or (here == UNKNOWN and self.status.files):
                reason = f"it was built for {name} {wanted!r}, and here that is {here!r}"
                return Omission(build.route, reason, REOPTIMIZE)
        return None

    def untrusted(self, subject: str, held: Format) -> Omission | None:
        """Return that a format can run code when it is opened and the package is not trusted with it, or None."""
        if self.trusted or risk_of(held, self.registry) is not Risk.CODE:
            return None
        reason = f"opening {held} can run code, and this package was not made here"
        return Omission(subject, reason, TRUST)

    @functools.cached_property
    def _held(self) -> frozenset[str]:
        return frozenset(file.path for file in self.status.files)

    @functools.cached_property
    def _facts(self) -> Mapping[str, str]:
        return dict(environment(self.registry))


def risk_of(held: Format, registry: Registry) -> Risk:
    """Return what opening a format can do, as this navcore and its plugins know it, whatever a package says.

    A format that nobody here knows counts as code.
    """
    known = {each.name: each for each in registry.formats()}
    known |= {each.name: each for each in vars(Format).values() if isinstance(each, Format)}
    return known[held.name].risk if held.name in known else Risk.CODE

"""Package: everything that a run found, and how to use it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from navcore.contracts import Model, Runner, Strategy, Tensors
from navcore.cpus import usable_cpus
from navcore.domain import Artifact, BuildResult, Choice, Load, Omission, PackageStatus, Status, TrialResult
from navcore.errors import NoRuntimeError, TrustError, UnknownNameError, UsageError, WorkspaceError
from navcore.keywords import checked_keywords
from navcore.registry import Registry
from navcore.session import Session
from navcore.store.workspace import Workspace
from navcore.strategies import MaxThroughputAndMinLatencyStrategy, MinLatencyStrategy

if TYPE_CHECKING:
    from navcore.store.origin import Origin
    from navcore.unusable import Obstacles

__all__ = ["DEFAULT_STRATEGIES", "Package"]

DEFAULT_STRATEGIES: tuple[Strategy, ...] = (MaxThroughputAndMinLatencyStrategy(), MinLatencyStrategy())


@attrs.define(eq=False, repr=False)
class Package:
    """What `optimize` and `nav.package.load` return.

    Its parts are frozen; `load_source_model` and `nav.package.set_verified` put others in their place.

    Attributes:
        status: Every result.
        workspace: Folder with the artifacts and logs.
        model: The user's model as it was described; holds the live object, where there is one.
        registry: The plugins that the run used, or those that are there where it was loaded.
        trusted: Whether artifacts that can run code may be opened: those made here may, those loaded from a file only
            where that was said.
    """

    status: PackageStatus
    workspace: Path
    model: Model
    registry: Registry
    trusted: bool = True
    _keep: object = None  # removes a private workspace when the package is gone

    @property
    def unusable(self) -> tuple[Omission, ...]:
        """Artifacts that cannot be used here, with the reason and the fix."""
        return tuple(self._obstacles().listed())

    def samples(self) -> Iterator[tuple[Tensors, Tensors]]:
        """Yield the compared samples: inputs, and the outputs that the source gave for them.

        Raises:
            UsageError: The package was saved without them.
        """
        from navcore.store.samples import SAMPLES, read_samples

        if self.status.files and not any(file.path.startswith(f"{SAMPLES}/") for file in self.status.files):
            raise UsageError("the package was saved without samples", "save it with save_data=True where it was made")
        yield from read_samples(self.workspace, self.status.signature, len(self.status.samples))  # holds the folder

    def origin(self) -> Origin | None:
        """Return the user's model file, as it lies in a loaded package or where the run found it; None: it was live."""
        from navcore.store.origin import read_origin, unpacked_origin

        if self.status.origin is not None:
            return unpacked_origin(self.workspace, self.status.origin)
        return read_origin(self.workspace)

    @checked_keywords
    def load_source_model(self, model: Any, sample: Any = None) -> None:
        """Give the live model back to a package that was loaded, so that it can be run and optimised too.

        Args:
            model: What `optimize` was given; it is called with the first stored sample, and has to give the stored
                outputs.
            sample: One sample as the dataloader gave it, where the way to call the model cannot be guessed from the
                names of the inputs.

        Raises:
            UsageError: It is another model, or it cannot be told how it is called.
        """
        from navcore.engine.returned import described_again

        self.model = described_again(model, sample, self.status, self.registry, self.samples())

    @checked_keywords
    def set_verified(self, model_key: str, runner_name: str) -> None:
        """Note that the user has verified a trial; see `nav.package.set_verified`."""
        trials = {(trial.route, trial.runner): trial for trial in self.status.trials}
        found = trials.get((model_key, runner_name))
        if found is None:
            known = [" on ".join(key) for key in trials]
            raise UnknownNameError("trial", f"{model_key} on {runner_name}", known, "see package.status.trials")
        if found.status is not Status.OK:
            reason = found.failure.reason if found.failure else "it was not measured"
            raise UsageError(
                f"{model_key} on {runner_name} cannot be verified, because it does not work: {reason}",
                "optimise again, with a verify_func that accepts it or a larger tolerance",
            )
        verified = attrs.evolve(found, verified=True)
        self.status = attrs.evolve(
            self.status,
            trials=tuple(verified if trial is found else trial for trial in self.status.trials),
            choices=tuple(
                attrs.evolve(choice, trial=verified) if choice.trial == found else choice
                for choice in self.status.choices
            ),
        )

    @checked_keywords
    def get_runner(
        self,
        strategies: Sequence[Strategy] | None = None,
        *,
        strategy: Strategy | None = None,
        include_source: bool = True,
    ) -> Session:
        """Return the best runtime, to be used in a `with` block.

        Args:
            strategies: Asked in turn until one finds a runtime; the default is max-throughput-and-min-latency.
            strategy: A single one, in place of `strategies`.
            include_source: Whether the source model itself may be picked.

        Raises:
            NoRuntimeError: No strategy finds a runtime that works here.
            TrustError: What is left can run code, and the package is not trusted with it.
        """
        choice = self.get_best_runtime(strategies, strategy=strategy, include_source=include_source)
        trial = choice.trial
        model = self.model_of(trial)
        runner = _with_setting(self.registry.runner(trial.runner), choice.load).alone()
        return Session(choice, model.signature, model, runner, self.status.request.device, keep=self._keep)

    @checked_keywords
    def get_best_runtime(
        self,
        strategies: Sequence[Strategy] | None = None,
        *,
        strategy: Strategy | None = None,
        include_source: bool = True,
    ) -> Choice:
        """Return what `get_runner` would use, with its measurement and the reason.

        A runtime that cannot be used here is passed over, and the reason says so.

        Raises:
            NoRuntimeError: No strategy finds a runtime that works here.
            TrustError: What is left can run code, and the package is not trusted with it.
        """
        from navcore.engine.choose import choose

        asked = _asked(strategies, strategy)
        obstacles = self._obstacles()
        passed: list[Omission] = []
        trials = list(self.status.trials)
        while (choice := choose(trials, asked, include_source=include_source)) is not None:
            obstacle = obstacles.of_trial(choice.trial)
            if obstacle is None:
                return attrs.evolve(choice, reason="; ".join([choice.reason, *map(_passed_over, passed)]))
            passed.append(obstacle)
            trials = [trial for trial in trials if trial is not choice.trial]
        raise self._nothing_left(asked, passed)

    @checked_keywords
    def get_model_path(self, model_key: str) -> Path:
        """Return the path of the artifact that a route made, for example of `onnx/openvino-ir`.

        Raises:
            UnknownNameError: No such artifact was made.
        """
        build = self._build(model_key)
        if build.artifact is None or self._obstacles().left_out(build.artifact):
            raise UsageError(
                f"{model_key} was left out when the package was saved",
                "optimise the package to make it again: nav.package.optimize(package)",
            )
        return self.workspace / build.artifact.path

    def is_empty(self) -> bool:
        """Whether nothing works."""
        return not any(trial.status is Status.OK for trial in self.status.trials)

    def _obstacles(self) -> Obstacles:
        from navcore.unusable import Obstacles

        return Obstacles(self.status, self.registry, self.trusted, self.model)

    def _nothing_left(self, asked: Sequence[Strategy], passed: Sequence[Omission]) -> NoRuntimeError | TrustError:
        from navcore.unusable import REOPTIMIZE, TRUST

        names = ", ".join(candidate.name for candidate in asked)
        if not passed:
            return NoRuntimeError(
                f"no runtime satisfies {names}; {self._tried()}", "see the reasons in package.status.trials"
            )
        cause = f"nothing that satisfies {names} can be used here: {'; '.join(map(_told, passed))}"
        if any(obstacle.fix == TRUST for obstacle in passed):
            return TrustError(cause, TRUST)
        return NoRuntimeError(cause, f"{REOPTIMIZE} tries what this machine has")

    def _build(self, model_key: str) -> BuildResult:
        built = {build.route: build for build in self.status.builds if build.artifact is not None}
        if model_key not in built:
            raise UnknownNameError("artifact", model_key, built, "see package.status.builds for what failed")
        return built[model_key]

    def model_of(self, trial: TrialResult) -> Model:
        """Return the source or the artifact of a trial, as its runner takes it.

        Raises:
            UnknownNameError: The artifact was not made.
            WorkspaceError: It has changed since.
        """
        if not trial.hops:
            self._check_source()
            return attrs.evolve(self.model, examples=self._examples())
        build = self._build(trial.route)
        if build.artifact is None:
            raise UsageError(f"{trial.route} was not built", "see package.status.builds for the reason")
        self._check_unchanged(build.artifact, trial.route)
        return Model(
            format=self.registry.runner(trial.runner).accepts,
            signature=build.artifact.signature,
            path=self.workspace / build.artifact.path,
            examples=self._examples(),
        )

    def _examples(self) -> tuple[Tensors, ...]:
        """Return the inputs of the run; of a loaded package, those of one stored sample, of a batch if there is one."""
        from navcore.store.samples import read_sample

        if self.model.examples or not self.status.samples:
            return self.model.examples
        sizes = [summary.batch_size or 0 for summary in self.status.samples]
        index = next((index for index, size in enumerate(sizes) if size >= 2), 0)
        try:
            return (read_sample(self.workspace, self.status.signature, index)[0],)
        except UsageError:  # it was saved without
            return ()

    def _check_source(self) -> None:
        origin = None if self.model.path is None else self.origin()
        if origin is not None and (changed := origin.changed()):
            raise WorkspaceError(f"{changed} has changed since this package was made", "optimise it again")

    def _check_unchanged(self, artifact: Artifact, route: str) -> None:
        for file in artifact.files:
            if not Workspace(self.workspace).holds(file):
                raise WorkspaceError(
                    f"{file.path} of {route} has changed since this package was made, perhaps by a later run in "
                    f"{self.workspace}",
                    "give every run a workspace of its own, and optimise again",
                )

    def _tried(self) -> str:
        working = sum(trial.status is Status.OK for trial in self.status.trials)
        return f"{working} of {len(self.status.trials)} trials work"

    def __repr__(self) -> str:
        best = self.status.choices[0] if self.status.choices else None
        lines = [
            f"Package({self.status.title}, {self.status.signature}, {self._tried()}, workspace={str(self.workspace)!r}"
        ]
        if best is not None:
            found = best.measurement
            lines.append(
                f"  best: {best.trial.route} on {best.trial.runner}, {found.p50_ms:.3g} ms, "
                f"{found.throughput:.4g} inferences/s at batch size {found.batch_size or 'as given'}"
            )
        return "\n".join(lines) + ")"


def _asked(strategies: Sequence[Strategy] | None, strategy: Strategy | None) -> tuple[Strategy, ...]:
    if strategies is not None and strategy is not None:
        raise UsageError("both strategy and strategies were given", "give one of them")
    given: Any = strategy if strategy is not None else DEFAULT_STRATEGIES if strategies is None else strategies
    chosen = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
    for candidate in chosen:
        if not isinstance(candidate, Strategy):
            raise UsageError(
                f"strategy {candidate!r} is no Strategy", "pass an instance, for example nav.MinLatencyStrategy()"
            )
    return chosen


def _with_setting(runner: Runner, load: Load | None) -> Runner:
    """Return the runner with the threads and streams that were found best for one instance.

    Where there are fewer CPUs than that, as on another machine than the package is from, it is left to the runner.
    """
    if load is None or load.instances != 1:
        return runner
    found: dict[str, int | None] = {"threads": load.threads, "streams": load.streams}
    fit: dict[str, Any] = {name: value for name, value in found.items() if value and value <= usable_cpus()}
    known = attrs.fields_dict(type(runner))
    return attrs.evolve(runner, **{name: value for name, value in fit.items() if name in known})


def _told(obstacle: Omission) -> str:
    return f"{obstacle.subject}: {obstacle.reason}"


def _passed_over(obstacle: Omission) -> str:
    return f"passed over {_told(obstacle)}"

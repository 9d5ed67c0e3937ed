"""Package: everything that a run found, and how to use it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from navcore.contracts import Model, Strategy
from navcore.domain import Artifact, BuildResult, Choice, PackageStatus, Status, TrialResult
from navcore.errors import NoRuntimeError, UnknownNameError, UsageError, WorkspaceError
from navcore.registry import Registry
from navcore.session import Session
from navcore.store.workspace import Workspace
from navcore.strategies import MaxThroughputAndMinLatencyStrategy, MinLatencyStrategy

__all__ = ["DEFAULT_STRATEGIES", "Package"]

DEFAULT_STRATEGIES: tuple[Strategy, ...] = (MaxThroughputAndMinLatencyStrategy(), MinLatencyStrategy())


@attrs.frozen(eq=False, repr=False)
class Package:
    """What `optimize` returns.

    Attributes:
        status: Every result.
        workspace: Folder with the artifacts and logs.
        model: The user's model as it was described; holds the live object.
        registry: The plugins that the run used.
    """

    status: PackageStatus
    workspace: Path
    model: Model
    registry: Registry

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
            NoRuntimeError: No strategy finds a runtime that works.
        """
        choice = self.get_best_runtime(strategies, strategy=strategy, include_source=include_source)
        trial = choice.trial
        model = self._model_of(trial)
        return Session(choice, model.signature, model, self.registry.runner(trial.runner), self.status.request.device)

    def get_best_runtime(
        self,
        strategies: Sequence[Strategy] | None = None,
        *,
        strategy: Strategy | None = None,
        include_source: bool = True,
    ) -> Choice:
        """Return what `get_runner` would use, with its measurement and the reason.

        Raises:
            NoRuntimeError: No strategy finds a runtime that works.
        """
        from navcore.engine.choose import choose

        asked = _asked(strategies, strategy)
        choice = choose(self.status.trials, asked, include_source=include_source)
        if choice is None:
            names = ", ".join(candidate.name for candidate in asked)
            raise NoRuntimeError(
                f"no runtime satisfies {names}; {self._tried()}", "see the reasons in package.status.trials"
            )
        return choice

    def get_model_path(self, model_key: str) -> Path:
        """Return the path of the artifact that a route made, for example of `onnx/openvino-ir`.

        Raises:
            UnknownNameError: No such artifact was made.
        """
        return self.workspace / _artifact_path(self._build(model_key))

    def is_empty(self) -> bool:
        """Whether nothing works."""
        return not any(trial.status is Status.OK for trial in self.status.trials)

    def _build(self, model_key: str) -> BuildResult:
        built = {build.route: build for build in self.status.builds if build.artifact is not None}
        if model_key not in built:
            raise UnknownNameError("artifact", model_key, built, "see package.status.builds for what failed")
        return built[model_key]

    def _model_of(self, trial: TrialResult) -> Model:
        if not trial.hops:
            return self.model
        build = self._build(trial.route)
        if build.artifact is None:
            raise UsageError(f"{trial.route} was not built", "see package.status.builds for the reason")
        self._check_unchanged(build.artifact, trial.route)
        return Model(
            format=trial.format,
            signature=build.artifact.signature,
            path=self.workspace / build.artifact.path,
            examples=self.model.examples,
        )

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


def _artifact_path(build: BuildResult) -> str:
    if build.artifact is None:
        raise UsageError(f"{build.route} was not built", "see package.status.builds for the reason")
    return build.artifact.path

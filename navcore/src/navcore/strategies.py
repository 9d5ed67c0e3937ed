"""The built-in strategies, registered through the hooks like anyone's."""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs

from navcore.contracts import Strategy
from navcore.domain import Load, Measurement, TrialResult
from navcore.hookspecs import hookimpl
from navcore.keywords import checked_options

__all__ = [
    "MaxThroughputAndMinLatencyStrategy",
    "MaxThroughputStrategy",
    "MaxThroughputWithLatencyBudgetStrategy",
    "MinLatencyStrategy",
    "MinMemoryStrategy",
    "SelectedRuntimeStrategy",
    "WeightedStrategy",
]


@checked_options
@attrs.frozen(kw_only=True)
class MinLatencyStrategy(Strategy):
    """The shortest median latency of one call, over all batch sizes and numbers of threads that were tried."""

    name: str = "min-latency"

    def score(self, trial: TrialResult) -> float | None:
        return -math.log(trial.latency_ms) if trial.measurements else None

    def best(self, trial: TrialResult) -> Measurement:
        return trial.quickest

    def load(self, trial: TrialResult) -> Load | None:
        return trial.quickest_load


@checked_options
@attrs.frozen(kw_only=True)
class MaxThroughputStrategy(Strategy):
    """The most inferences per second, over all batch sizes; with several calls at once where that was measured."""

    name: str = "max-throughput"

    def score(self, trial: TrialResult) -> float | None:
        return math.log(trial.throughput) if trial.measurements else None

    def load(self, trial: TrialResult) -> Load | None:
        return trial.busiest_load


@checked_options
@attrs.frozen(kw_only=True)
class MaxThroughputWithLatencyBudgetStrategy(Strategy):
    """The most inferences per second among batch sizes whose median latency is within the budget.

    Attributes:
        latency_budget: In milliseconds.
    """

    name: str = "max-throughput-with-latency-budget"
    latency_budget: float = attrs.field(kw_only=False, validator=attrs.validators.gt(0))

    def score(self, trial: TrialResult) -> float | None:
        within = self._within(trial)
        return math.log(max(measurement.throughput for measurement in within)) if within else None

    def best(self, trial: TrialResult) -> Measurement:
        return max(self._within(trial), key=lambda measurement: measurement.throughput)

    def _within(self, trial: TrialResult) -> list[Measurement]:
        return [measurement for measurement in trial.measurements if measurement.p50_ms <= self.latency_budget]


@checked_options
@attrs.frozen(kw_only=True)
class MaxThroughputAndMinLatencyStrategy(Strategy):
    """Best at both, or else the best compromise.

    A trial that has both the most throughput and the shortest latency always wins. Where no trial has both, the
    compromise is the knee of the Pareto front in logarithmic scale: the trial with the highest ratio of throughput to
    latency. Beyond it, either side costs more, in proportion, than it brings on the other: a doubling of throughput
    weighs as much as a halving of latency.
    """

    name: str = "max-throughput-and-min-latency"

    def score(self, trial: TrialResult) -> float | None:
        if not trial.measurements:
            return None
        # The mean of the two, not their sum: a difference of 2 % in both is one of 2 %, as ties are judged.
        return (math.log(trial.throughput) - math.log(trial.latency_ms)) / 2

    def load(self, trial: TrialResult) -> Load | None:
        return trial.busiest_load


@checked_options
@attrs.frozen(kw_only=True)
class MinMemoryStrategy(Strategy):
    """The least memory added to the process that runs it: on the GPU where it runs there, or else on the host.

    A live model's weights were in memory before it was tried, so it cannot be compared, and is never picked.
    """

    name: str = "min-memory"

    def score(self, trial: TrialResult) -> float | None:
        used = trial.device_memory_bytes or trial.memory_bytes
        if trial.format.live or not trial.measurements or used is None:
            return None
        return -math.log(max(used, 1))


@checked_options
@attrs.frozen(kw_only=True)
class WeightedStrategy(Strategy):
    """The best weighted sum of the logarithms of throughput, 1 / latency and 1 / memory.

    Weights are relative: with throughput=3 and latency=1, 1 % of latency is worth a third of a percent of throughput.
    A weight for memory leaves out live models, as `MinMemoryStrategy` does.

    Attributes:
        throughput, latency, memory: Weights; not negative, and one of them positive.
    """

    name: str = "weighted"
    throughput: float = attrs.field(default=1.0, validator=attrs.validators.ge(0))
    latency: float = attrs.field(default=1.0, validator=attrs.validators.ge(0))
    memory: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))

    def __attrs_post_init__(self) -> None:
        if not self.throughput + self.latency + self.memory:
            raise ValueError("throughput, latency and memory are all 0: give one of them a weight")

    def score(self, trial: TrialResult) -> float | None:
        if not trial.measurements:
            return None
        total = self.throughput * math.log(trial.throughput) - self.latency * math.log(trial.latency_ms)
        if self.memory:
            saved = MinMemoryStrategy().score(trial)
            if saved is None:
                return None
            total += self.memory * saved
        return total / (self.throughput + self.latency + self.memory)


@checked_options
@attrs.frozen(kw_only=True)
class SelectedRuntimeStrategy(Strategy):
    """Exactly this artifact on this runner.

    Attributes:
        model_key: Id of the route, for example `onnx/openvino-ir`.
        runner_name: Name of the runner.
    """

    name: str = "selected-runtime"
    model_key: str = attrs.field(kw_only=False)
    runner_name: str = attrs.field(kw_only=False)

    def score(self, trial: TrialResult) -> float | None:
        selected = (trial.route, trial.runner) == (self.model_key, self.runner_name)
        return 0.0 if selected and trial.measurements else None


@hookimpl
def nav_strategies() -> Iterable[Strategy]:
    return (
        MaxThroughputAndMinLatencyStrategy(),
        MaxThroughputStrategy(),
        MinLatencyStrategy(),
        MinMemoryStrategy(),
        WeightedStrategy(),
    )

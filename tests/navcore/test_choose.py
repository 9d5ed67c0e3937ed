"""choose() and the strategies."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from navcore.contracts import Strategy
from navcore.domain import Load, Measurement, Ratio, Status, TrialResult
from navcore.engine.choose import choose
from navcore.formats import Format
from navcore.strategies import (
    MaxThroughputAndMinLatencyStrategy,
    MaxThroughputStrategy,
    MaxThroughputWithLatencyBudgetStrategy,
    MinLatencyStrategy,
    MinMemoryStrategy,
    SelectedRuntimeStrategy,
    WeightedStrategy,
)


def at(batch_size: int, ms: float, noise: float = 0.0) -> Measurement:
    return Measurement(batch_size, ms, 0, ms, ms, ms, ms, 1000 * batch_size / ms, noise, 10, (ms,))


def trial(name: str, *found: Measurement, hops: int = 1, status: Status = Status.OK) -> TrialResult:
    return TrialResult(name, Format.ONNX, "Runner", hops, status, measurements=found)


def picked(strategy: Strategy, *trials: TrialResult, include_source: bool = True) -> str | None:
    choice = choose(trials, (strategy,), include_source=include_source)
    return choice.trial.route if choice else None


QUICK = trial("quick", at(1, 1.0), at(8, 8.0))
WIDE = trial("wide", at(1, 1.5), at(8, 4.0))


def test_min_latency_takes_the_shortest_median() -> None:
    assert "quick" == picked(MinLatencyStrategy(), QUICK, WIDE)


def test_max_throughput_takes_the_most_inferences() -> None:
    assert "wide" == picked(MaxThroughputStrategy(), QUICK, WIDE)


def test_a_latency_budget_rules_out_batch_sizes_not_trials() -> None:
    assert "wide" == picked(MaxThroughputWithLatencyBudgetStrategy(4.0), QUICK, WIDE)
    assert "quick" == picked(MaxThroughputWithLatencyBudgetStrategy(1.2), QUICK, WIDE)
    assert picked(MaxThroughputWithLatencyBudgetStrategy(0.5), QUICK, WIDE) is None


def test_a_latency_budget_quotes_a_measurement_within_it() -> None:
    choice = choose([QUICK], [MaxThroughputWithLatencyBudgetStrategy(2.0)])

    assert choice is not None
    assert 1 == choice.measurement.batch_size


def test_both_at_once_falls_back_to_the_best_compromise() -> None:
    assert "wide" == picked(MaxThroughputAndMinLatencyStrategy(), QUICK, WIDE)


def test_what_is_deprecated_is_not_chosen_on_a_tie_though_its_route_is_shorter() -> None:
    old = attrs.evolve(trial("old", at(1, 1.0), hops=1), deprecated=True)
    new = trial("new", at(1, 1.001), hops=2)

    assert "new" == picked(MinLatencyStrategy(), old, new)


def test_what_is_deprecated_wins_where_it_is_clearly_the_best_or_alone() -> None:
    old = attrs.evolve(trial("old", at(1, 1.0)), deprecated=True)

    assert "old" == picked(MinLatencyStrategy(), old, trial("new", at(1, 1.5)))
    assert "old" == picked(MinLatencyStrategy(), old)


@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(0.1, 100)), min_size=1, max_size=6))
def test_a_trial_that_is_best_at_both_always_wins(others: list[tuple[float, float]]) -> None:
    best = trial("best", at(1, min(one for one, _ in others) / 2), at(8, min(eight for _, eight in others) / 2))
    trials = [trial(f"other-{index}", at(1, one), at(8, eight)) for index, (one, eight) in enumerate(others)]

    assert "best" == picked(MaxThroughputAndMinLatencyStrategy(), *trials, best)


def test_the_selected_runtime_is_taken_even_if_it_is_slow() -> None:
    assert "quick" == picked(SelectedRuntimeStrategy("quick", "Runner"), WIDE, QUICK)
    assert picked(SelectedRuntimeStrategy("quick", "Other"), WIDE, QUICK) is None


def test_a_trial_that_failed_is_never_picked() -> None:
    failed = trial("failed", at(1, 0.1), status=Status.FAILED)

    assert "quick" == picked(MinLatencyStrategy(), failed, QUICK)


def test_the_source_can_be_left_out() -> None:
    source = trial("source", at(1, 0.1), hops=0)

    assert "source" == picked(MinLatencyStrategy(), source, QUICK)
    assert "quick" == picked(MinLatencyStrategy(), source, QUICK, include_source=False)


def test_a_tie_within_the_noise_goes_to_the_simpler_route() -> None:
    source = trial("source", at(1, 1.01, noise=0.03), hops=0)
    choice = choose([source, trial("quick", at(1, 1.0))], [MinLatencyStrategy()])

    assert choice is not None
    assert "source" == choice.trial.route
    assert "tied with quick on Runner within the measured noise, and simpler" == choice.reason


def test_a_tie_among_artifacts_of_one_length_goes_to_the_best_of_them() -> None:
    far = trial("far", at(1, 1.0, noise=0.05), hops=2)

    assert "better" == picked(MinLatencyStrategy(), trial("worse", at(1, 1.012)), trial("better", at(1, 1.004)), far)


def test_a_tie_in_latency_and_in_throughput_is_a_tie_in_both_together() -> None:
    source = trial("source", at(1, 1.01, noise=0.03), at(8, 4.04, noise=0.03), hops=0)
    rival = trial("rival", at(1, 1.0), at(8, 4.0))

    assert "source" == picked(MaxThroughputAndMinLatencyStrategy(), source, rival)


def test_rounds_that_were_shared_decide_where_the_machine_drifted() -> None:
    drift = [1.0, 1.3, 0.8, 1.1, 0.9, 1.2, 1.0, 1.05]

    def drifting(name: str, factor: float, hops: int) -> TrialResult:
        blocks = tuple(factor * each for each in drift)
        found = Measurement(1, factor, 0, factor, factor, factor, factor, 1000 / factor, 0.25, 10, blocks)
        return trial(name, found, hops=hops)

    source, quick = drifting("source", 1.012, 0), drifting("quick", 1.0, 1)

    assert "quick" == picked(MinLatencyStrategy(), source, quick)
    assert "source" == picked(MinLatencyStrategy(), drifting("source", 1.004, 0), quick)


def test_noise_never_costs_more_than_one_and_a_half_percent() -> None:
    source = trial("source", at(1, 1.02, noise=0.5), hops=0)

    assert "quick" == picked(MinLatencyStrategy(), source, trial("quick", at(1, 1.0)))


def test_a_difference_beyond_the_noise_is_no_tie() -> None:
    source = trial("source", at(1, 1.05, noise=0.03), hops=0)

    assert "quick" == picked(MinLatencyStrategy(), source, trial("quick", at(1, 1.0)))


def test_great_noise_does_not_hide_a_great_difference() -> None:
    source = trial("source", at(1, 1.5, noise=0.9), hops=0)

    assert "quick" == picked(MinLatencyStrategy(), source, trial("quick", at(1, 1.0)))


def test_the_first_strategy_that_finds_something_decides() -> None:
    choice = choose([QUICK], [MaxThroughputWithLatencyBudgetStrategy(0.1), MinLatencyStrategy()])

    assert choice is not None
    assert "min-latency" == choice.strategy


def test_nothing_that_works_gives_nothing() -> None:
    assert choose([], [MinLatencyStrategy()]) is None


def lean(name: str, memory: int | None, *found: Measurement, kind: Format = Format.ONNX) -> TrialResult:
    return TrialResult(name, kind, "Runner", 1, Status.OK, measurements=found, memory_bytes=memory)


def test_least_memory_leaves_out_live_models_and_those_that_do_not_say() -> None:
    trials = [
        lean("live", 10, at(1, 1.0), kind=Format.TORCH),
        lean("silent", None, at(1, 1.0)),
        lean("large", 2000, at(1, 1.0)),
        lean("small", 1000, at(1, 9.0)),
    ]

    assert "small" == picked(MinMemoryStrategy(), *trials)
    assert picked(MinMemoryStrategy(), *trials[:2]) is None


def test_weights_say_what_counts() -> None:
    trials = [lean("quick", 4000, at(1, 1.0), at(8, 8.0)), lean("wide", 1000, at(1, 2.0), at(8, 4.8))]

    assert "wide" == picked(WeightedStrategy(throughput=1, latency=0), *trials)
    assert "quick" == picked(WeightedStrategy(throughput=0, latency=1), *trials)
    assert "wide" == picked(WeightedStrategy(throughput=0, latency=1, memory=1), *trials)
    with pytest.raises(ValueError, match="give one of them a weight"):
        WeightedStrategy(throughput=0, latency=0)


def test_several_calls_at_once_count_for_throughput() -> None:
    alone = trial("alone", at(8, 4.0))
    load = Load(1, 1, 4, None, throughput=4000.0, p50_ms=1.0, p99_ms=2.0, calls=100)
    served = attrs.evolve(trial("served", at(8, 5.0)), loads=(load,))

    assert "served" == picked(MaxThroughputStrategy(), alone, served)
    choice = choose([alone, served], [MaxThroughputStrategy()])
    assert choice is not None
    assert load == choice.load


def test_a_winner_that_cannot_be_told_from_the_source_says_so() -> None:
    near = attrs.evolve(at(1, 1.0), ratio=Ratio(1.03, 0.97, 1.08))
    choice = choose([trial("source", at(1, 1.03), hops=0), trial("near", near)], [MinLatencyStrategy()])

    assert choice is not None
    assert ("near", "best score of 2, though not told apart from the source") == (choice.trial.route, choice.reason)


@pytest.mark.parametrize(
    "strategy", [MinLatencyStrategy(), MaxThroughputStrategy(), MaxThroughputAndMinLatencyStrategy()]
)
def test_a_trial_without_measurements_is_not_eligible(strategy: Strategy) -> None:
    assert strategy.score(trial("unmeasured")) is None


def test_a_budget_must_be_positive() -> None:
    with pytest.raises(ValueError, match="'latency_budget' must be > 0"):
        MaxThroughputWithLatencyBudgetStrategy(0)

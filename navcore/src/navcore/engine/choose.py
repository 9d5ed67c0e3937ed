"""choose(): what a strategy picks among the trials that work."""

from __future__ import annotations

from collections.abc import Sequence

from navcore.contracts import Strategy
from navcore.domain import Choice, Status, TrialResult, Verdict
from navcore.engine.statistics import SMALLEST, interval, paired

__all__ = ["choose"]

_SMALLEST_TIE = 0.005
_LARGEST_TIE = 0.015
"""A tie may cost this much speed: one and a half percent, whatever the noise is."""


def choose(
    trials: Sequence[TrialResult], strategies: Sequence[Strategy], *, include_source: bool = True
) -> Choice | None:
    """Return the best trial by the first strategy that finds one, or None.

    A score within the measured noise of the best is a tie, and the tie goes to the simpler route, the source first.
    What uses something deprecated is not chosen on a tie.

    Args:
        trials: In the order of the plan. Those that failed, in whatever way, are never picked.
        strategies: Asked in turn.
        include_source: Whether the user's own model may be picked.
    """
    working = [trial for trial in trials if trial.status is Status.OK and (include_source or trial.hops)]
    for strategy in strategies:
        scores = [(score, trial) for trial in working if (score := strategy.score(trial)) is not None]
        if scores:
            return _choice(strategy, scores)
    return None


def _choice(strategy: Strategy, scores: Sequence[tuple[float, TrialResult]]) -> Choice:
    top, winner = max(scores, key=lambda scored: scored[0])
    by_trial = {id(trial): score for score, trial in scores}
    tied = [trial for score, trial in scores if top - score <= _tie(strategy, winner, trial)]
    lasting = [trial for trial in tied if not trial.deprecated] or tied
    fewest = min(trial.hops for trial in lasting)
    simplest = [trial for trial in lasting if trial.hops == fewest]
    # Among variants of the source, the first of the plan: the plain one. Among artifacts, the best.
    picked = max(simplest, key=lambda trial: by_trial[id(trial)]) if fewest else simplest[0]
    if picked is winner:
        reason = f"best score of {len(scores)}"
        ratio = strategy.best(picked).ratio
        if ratio is not None and ratio.verdict is Verdict.TIE:
            reason += ", though not told apart from the source"
    else:
        better = "made with nothing deprecated" if winner.deprecated else "simpler"
        reason = f"tied with {winner.route} on {winner.runner} within the measured noise, and {better}"
    return Choice(strategy.name, picked, strategy.best(picked), reason, strategy.load(picked))


def _tie(strategy: Strategy, winner: TrialResult, other: TrialResult) -> float:
    """How far apart two scores may be and still tell nothing, within bounds.

    That is half the interval of the ratio of the two in the same rounds; of what was not measured in the same rounds,
    the wider of the two intervals.
    """
    ours, theirs = strategy.best(winner), strategy.best(other)
    ratios = paired(ours.blocks_ms, theirs.blocks_ms) if ours.batch_size == theirs.batch_size else ()
    if len(ratios) >= SMALLEST:
        low, high = interval(ratios)
        unsure = (high - low) / 2
    else:
        unsure = max(ours.noise, theirs.noise)
    return min(max(unsure, _SMALLEST_TIE), _LARGEST_TIE)

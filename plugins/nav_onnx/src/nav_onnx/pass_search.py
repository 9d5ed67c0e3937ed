"""Which parts of a graph to leave alone, so that the rest can be lowered: searches that ask for measurements."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import attrs

__all__ = ["Exclusion", "exclude_worst", "smallest_block_list"]

_SHARE_FOR_RANKING = 0.6
"""Of the time, for measuring how much each part hurts; the rest is for finding how many must go."""


@attrs.frozen
class Exclusion:
    """What a search for parts to exclude has found.

    Attributes:
        excluded: Parts to leave alone, in their order.
        error: With the others lowered; infinite where nothing was found to lower.
        whole_error: With all of them lowered.
        measurements: How many there were.
    """

    excluded: tuple[str, ...]
    error: float
    whole_error: float
    measurements: int


def smallest_block_list(
    items: Sequence[str], good: Callable[[tuple[str, ...]], bool], most_runs: int
) -> tuple[str, ...]:
    """Return a small part of the items that is good to block, by halving what can be let go.

    Args:
        items: Blocked all together they are good; that is not asked again.
        good: Whether it is good to block these alone; called `most_runs` times at most.
        most_runs: After so many calls the smallest part known to be good is returned.
    """
    kept, runs, size = list(items), 0, math.ceil(len(items) / 2)
    while size and kept:
        start = 0
        while start < len(kept):
            if runs == most_runs:
                return tuple(kept)
            runs += 1
            rest = kept[:start] + kept[start + size :]
            if good(tuple(rest)):
                kept = rest
            else:
                start += size
        size = 0 if size == 1 else math.ceil(size / 2)
    return tuple(kept)


def exclude_worst(
    parts: Sequence[str],
    measure: Callable[[tuple[str, ...]], float],
    bound: float,
    seconds: float,
    *,
    hurt: Callable[[tuple[str, ...]], float] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Exclusion:
    """Return the parts to exclude, the worst first and no more than needed, for the error to come within the bound.

    It is found out how much each part hurts alone, or several neighbours together where there is no time for each; then
    the fewest of the worst are sought by halving. Whatever is returned was measured.

    Args:
        parts: In the order of the graph.
        measure: Returns the error with these parts lowered and no others.
        bound: Largest error that is good.
        seconds: After these nothing further begins.
        hurt: Returns about the same, in less time; None: `measure`.
        clock: In seconds.
    """
    start, measured = clock(), _Counted(measure)
    whole = measured(tuple(parts))
    if whole <= bound:
        return Exclusion((), whole, whole, measured.count)
    worst = _worst_first(parts, hurt or measured, _SHARE_FOR_RANKING * (seconds - (clock() - start)), clock)
    best = Exclusion(tuple(parts), math.inf, whole, 0)
    too_few, enough = 0, len(worst)
    while enough - too_few > 1 and clock() - start <= seconds:
        middle = (too_few + enough) // 2
        dropped = {part for group in worst[:middle] for part in group}
        error = measured(tuple(part for part in parts if part not in dropped))
        if error <= bound:
            enough, best = middle, Exclusion(tuple(part for part in parts if part in dropped), error, whole, 0)
        else:
            too_few = middle
    left = seconds - (clock() - start)
    if len(best.excluded) > enough and enough < len(worst) and left > 0:
        # Groups hold parts that do no harm: look at those one by one, with what was found to be good lowered.
        good = tuple(part for part in parts if part not in best.excluded)
        finer = exclude_worst(
            best.excluded,
            lambda some: measured(tuple(part for part in parts if part in good + some)),
            bound,
            left,
            hurt=hurt,
            clock=clock,
        )
        if finer.error <= bound:
            best = attrs.evolve(best, excluded=finer.excluded, error=finer.error)
    return attrs.evolve(best, measurements=measured.count)


@attrs.define
class _Counted:
    """Counts measurements."""

    measure: Callable[[tuple[str, ...]], float]
    count: int = 0

    def __call__(self, lowered: tuple[str, ...]) -> float:
        self.count += 1
        return self.measure(lowered)


def _worst_first(
    parts: Sequence[str], hurt: Callable[[tuple[str, ...]], float], seconds: float, clock: Callable[[], float]
) -> list[tuple[str, ...]]:
    """Return groups of neighbours, those that hurt most first; those that there was no time for come before them."""
    start = clock()
    first = tuple(parts[:1])
    found: list[tuple[float, tuple[str, ...]]] = [(hurt(first), first)]
    once = max(clock() - start, 1e-6)
    for group in _groups(parts[1:], math.floor(seconds / once) - 1):
        late = clock() - start > seconds
        found.append((math.inf if late else hurt(group), group))
    return [group for _, group in sorted(found, key=lambda pair: -pair[0])]


def _groups(parts: Sequence[str], most: int) -> list[tuple[str, ...]]:
    """Return neighbours together, in two groups at least and no more than `most`."""
    if not parts:
        return []
    size = math.ceil(len(parts) / min(max(most, 2), len(parts)))
    return [tuple(parts[start : start + size]) for start in range(0, len(parts), size)]

"""The race at one batch size: who need not run any further, and when everything is said.

Plain rules on the blocks so far, so that a test can run them on any numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from navcore.domain import OptimizationProfile
from navcore.engine.statistics import SMALLEST, interval, noise, paired

__all__ = ["Pace", "Standing", "standing"]

_CLEARLY = 1.25
_CLEAR_ROUNDS = 3
_SLOWER = 1.02
_TIED = 0.01
_BLOCK_MS = {"quick": 25.0, "thorough": 100.0}


@attrs.frozen
class Pace:
    """How much is measured at one batch size.

    Attributes:
        block_ms: Time of a block, where `window` samples are not more.
        window: Most samples of a block.
        fewest, most: Rounds.
        stability: Noise up to which a candidate counts as stable.
        racing: Whether candidates that cannot win any more stop early.
    """

    block_ms: float
    window: int
    fewest: int
    most: int
    stability: float
    racing: bool

    @staticmethod
    def of(profile: OptimizationProfile, measure: str = "quick") -> Pace:
        """Return the pace that a profile asks for; thorough takes twice the rounds, longer blocks, and drops nobody."""
        thorough = measure == "thorough"
        times = 4 if thorough else 2  # rounds per trial of the profile: an interval needs six
        return Pace(
            block_ms=_BLOCK_MS[measure],
            window=profile.window_size * times // 2,
            fewest=times * max(profile.min_trials, profile.stabilization_windows),
            most=times * profile.max_trials,
            stability=profile.stability_percentage / 100,
            racing=not thorough,
        )


@attrs.frozen
class Standing:
    """What the blocks so far say.

    Attributes:
        leader: The shortest median block among those that ran every round; of equal ones, the first by name.
        beaten: Those that are slower beyond doubt, with the median of how many times as long they take.
        clear: Whether more rounds would change nothing: the others are beaten, or as fast, and nobody is noisy.
    """

    leader: str
    beaten: Mapping[str, float]
    clear: bool


def standing(blocks: Mapping[str, Sequence[float]], pace: Pace) -> Standing:
    """Return who leads, who is beaten, and whether the rest is settled.

    A candidate that ended its rounds early stays beaten. Another one is beaten once each of three rounds or more had
    it 25 % slower than the leader, or once the 95 % interval of its paired ratios lies above 2 %. It is as fast as the
    leader, for good, once that interval is narrower than 1 % on each side.

    Args:
        blocks: Times by candidate, round by round; those that ended early have fewer.
        pace: Rounds and stability.
    """
    # Whoever was dropped ran in the first rounds only: were the machine slower since, those would put it in front.
    rounds = max(map(len, blocks.values()))
    running = sorted(name for name, times in blocks.items() if len(times) == rounds)
    leader = min(running, key=lambda name: float(np.median(blocks[name])))
    beaten: dict[str, float] = {}
    clear = noise(blocks[leader]) <= pace.stability
    for name, times in blocks.items():
        if name == leader:
            continue
        ratios = paired(blocks[leader], times)
        if len(times) < rounds or _is_beaten(ratios):
            beaten[name] = float(np.median(ratios))
        else:
            clear = clear and _is_settled(ratios) and noise(times) <= pace.stability
    return Standing(leader, beaten, clear)


def _is_beaten(ratios: Sequence[float]) -> bool:
    if len(ratios) >= _CLEAR_ROUNDS and min(ratios) > _CLEARLY:
        return True
    return len(ratios) >= SMALLEST and interval(ratios)[0] > _SLOWER


def _is_settled(ratios: Sequence[float]) -> bool:
    low, high = interval(ratios)
    return len(ratios) >= SMALLEST and (high - low) / 2 <= _TIED * float(np.median(ratios))

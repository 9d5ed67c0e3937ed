"""What measuring found: latencies, throughput, and ratios with their intervals."""

from __future__ import annotations

import math
from enum import Enum

import attrs

__all__ = ["ROUNDS_OF_AN_INTERVAL", "Load", "Measurement", "NoiseFloor", "Ratio", "Verdict"]

ROUNDS_OF_AN_INTERVAL = 6
"""Rounds from which a 95 % interval of the median exists."""

_CLEAR_ROUNDS = 3
_CLEARLY = 1.25


class Verdict(str, Enum):
    """What a comparison of two speeds says."""

    FASTER = "faster"
    SLOWER = "slower"
    TIE = "tie"

    def __str__(self) -> str:
        return self.value


@attrs.frozen
class Ratio:
    """Speed against the source: above 1 is faster.

    Attributes:
        value: Median over rounds of source time / candidate time, both measured in the same round.
        low, high: 95 % interval of that median, from order statistics; the range where there are fewer than six rounds.
        floor: By how much a candidate can seem to differ from itself: the A/A pair of the same rounds, see NoiseFloor.
        rounds: How many both ran.
    """

    value: float
    low: float
    high: float
    floor: float = 0.0
    rounds: int = ROUNDS_OF_AN_INTERVAL

    @property
    def verdict(self) -> Verdict:
        """Faster or slower where the whole interval is, by more than the noise floor; else a tie.

        Fewer than six rounds have no interval, and the range of three excludes 1 by chance in a quarter of all cases:
        there it takes a range beyond 25 %, and of less than three nothing is said.
        """
        needed = 1 + self.floor
        if self.rounds < ROUNDS_OF_AN_INTERVAL:
            needed = max(needed, _CLEARLY) if self.rounds >= _CLEAR_ROUNDS else math.inf
        if self.low > needed:
            return Verdict.FASTER
        return Verdict.SLOWER if self.high < 1 / needed else Verdict.TIE


@attrs.frozen
class NoiseFloor:
    """An A/A pair: one candidate measured in every round as if it were two.

    Attributes:
        batch_size: Where; None where the model has no batch axis.
        subject: The candidate.
        ratio: Its speed against itself: an honest measurement gives 1.
    """

    batch_size: int | None
    subject: str
    ratio: Ratio

    @property
    def size(self) -> float:
        """How far from 1 the interval of the pair begins: 0 where it contains 1, as it should."""
        return max(self.ratio.low - 1, 1 / self.ratio.high - 1, 0.0)


@attrs.frozen
class Measurement:
    """Speed at one batch size.

    Attributes:
        batch_size: Size of the batch axis; None where the model has none.
        mean_ms, std_ms, p50_ms, p90_ms, p95_ms, p99_ms: Latency of one call, over all samples; of a candidate whose
            rounds ended early, in proportion to what the leader took in all rounds, so that a machine that became
            slower afterwards does it no favour.
        throughput: Inferences per second: batch size (or 1) divided by the median block's time per call.
        noise: Half-width of the 95 % interval of the median block, relative to it; infinite for a single block.
        calls: Timed calls.
        blocks_ms: Mean time per call of each block, one block per round, as measured; candidates share the rounds, the
            first with the first.
        ratio: Paired speed against the source; None for the source, or where it was not measured beside it.
        low_ms, high_ms: 95 % interval of the median block; equal to it where there is one block.
        samples_ms: Every timed sample: a call, or the mean of `calls_per_sample` calls where a call is short.
        calls_per_sample: Calls between two looks at the clock.
        dropped: Whether its rounds ended early, because it could not be the fastest at this batch size any more.
    """

    batch_size: int | None
    mean_ms: float
    std_ms: float
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    throughput: float
    noise: float
    calls: int
    blocks_ms: tuple[float, ...]
    ratio: Ratio | None = None
    low_ms: float | None = None
    high_ms: float | None = None
    samples_ms: tuple[float, ...] = ()
    calls_per_sample: int = 1
    dropped: bool = False


@attrs.frozen
class Load:
    """Throughput with several calls at once, or of one call at a time on fewer threads.

    Attributes:
        batch_size: Of each call; None where the model has no batch axis.
        instances: Copies of the model that were open.
        in_flight: Calls in flight, over all instances.
        threads: Threads that each instance was told to use; None: as many as the runner takes by itself.
        streams: Calls that an instance was told to compute at once; None: it was not told.
        throughput: Inferences per second, all calls together.
        p50_ms, p99_ms: Latency of one call meanwhile.
        calls: Calls that were counted.
    """

    batch_size: int | None
    instances: int
    in_flight: int
    threads: int | None
    throughput: float
    p50_ms: float
    p99_ms: float
    calls: int
    streams: int | None = None

    @property
    def is_alone(self) -> bool:
        """Whether there was one call at a time."""
        return self.in_flight == 1

"""Do verdicts hold? Identical candidates must not differ, and a slower one must be ranked below.

python benchmarks/verdicts.py [--trials N] [--sequential N] [--power N] [--load]

Candidates are matrix products on one thread, interleaved by the project's own measuring engine at its default settings.
A/A: two identical ones; how often a difference above 2 % is claimed. Beside it, the rule of tools that measure one
after the other in windows of 3 x 25 calls and compare the means. Power: one is truly 1 % or 2 % slower; how often it is
ranked below the other. With --load, another process keeps one core busy meanwhile.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy loads its library

import numpy as np  # noqa: E402

from navcore.domain import OptimizationProfile, Verdict  # noqa: E402
from navcore.engine.measure import measure_round_robin  # noqa: E402
from navcore.engine.sweep import Sweep  # noqa: E402
from navcore.engine.timing import Block, LocalTimer  # noqa: E402

CLAIM = 0.02
SIZE = 128
PRODUCTS = 100
"""In one call: so that one more is a call that takes 1 % longer."""


def candidate(name: str, products: int = PRODUCTS) -> Sweep:
    """Return a candidate whose call is so many matrix products on memory of its own."""
    left, right = np.ones((SIZE, SIZE), np.float32), np.full((SIZE, SIZE), 0.5, np.float32)
    out = np.empty((SIZE, SIZE), np.float32)

    def infer(_: object) -> dict[str, object]:
        for _ in range(products):
            np.matmul(left, right, out=out)
        return {}

    return Sweep(name, LocalTimer(infer))


def interleaved(slower: int, seed: int) -> tuple[Verdict, float]:
    """Return the engine's verdict on a candidate that is slower by so many products, and the ratio it measured."""
    sweeps = [candidate("source"), candidate("other", PRODUCTS + slower)]
    random = np.random.default_rng(seed)
    measure_round_robin(sweeps, {}, None, OptimizationProfile(), baseline="source", random=random)
    ratio = sweeps[1].measurements[0].ratio
    assert ratio is not None
    return ratio.verdict, ratio.value


def one_after_the_other(slower: int) -> float:
    """Return the speed by the rule that is common elsewhere: windows of 25 calls, three stable ones, then the next."""
    first, second = (_windows(candidate("any", PRODUCTS + more)) for more in (0, slower))
    return first / second


def _windows(sweep: Sweep, window: int = 25, stable: int = 3, most: int = 10, percent: float = 10.0) -> float:
    means: list[float] = []
    for _ in range(most):
        means.append(float(np.mean(sweep.timer.block(Block(window)))))
        last = np.asarray(means[-stable:])
        if len(last) == stable and np.abs(last / last.mean() - 1).max() * 100 < percent:
            break
    return float(np.mean(means[-stable:]))


@contextmanager
def busy_core(wanted: bool) -> Iterator[None]:
    """Keep one core busy with another process."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if wanted else None
    try:
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()


def share(trials: int, holds: Callable[[int], bool]) -> str:
    """Return how many trials hold, as text."""
    count = sum(holds(seed) for seed in range(trials))
    return f"{count} of {trials} ({count / trials:.1%})"


def main() -> None:
    """Print the four figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200, help="of identical candidates")
    parser.add_argument("--sequential", type=int, default=100, help="of the rule beside it")
    parser.add_argument("--power", type=int, default=100, help="of candidates that differ")
    parser.add_argument("--load", action="store_true")
    asked = parser.parse_args()

    def claimed(seed: int) -> bool:
        verdict, ratio = interleaved(0, seed)
        return verdict is not Verdict.TIE and abs(ratio - 1) > CLAIM

    with busy_core(asked.load):
        print(f"one core loaded by another process: {'yes' if asked.load else 'no'}")
        print("A/A, a difference above 2 % claimed:", share(asked.trials, claimed))
        sequential = share(asked.sequential, lambda _: abs(one_after_the_other(0) - 1) > CLAIM)
        print("A/A, sequential windows of 3 x 25, means differ by more than 2 %:", sequential)
        for slower in (2, 1):
            ranked = share(asked.power, lambda seed, slower=slower: interleaved(slower, seed)[1] < 1)
            print(f"truly {slower} % slower, ranked below:", ranked)


if __name__ == "__main__":
    main()

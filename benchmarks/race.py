"""Does the race choose right, and what does it save?

python benchmarks/race.py [--runs N] [--sets N] [--demo]

Synthetic sets: six candidates each, made of matrix products on one thread, with seeded costs per call and per row, so
that some are quick alone and others in batches, and some are close. --demo: the runtimes of the MiniLM demo, opened in
this process. Truth is an exhaustive measurement, more than ten times as long as the race: every candidate runs 50
interleaved rounds at every size. A run is right where what it chose is within 2 % of the best by that truth, under the
default strategy.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy loads its library

import attrs  # noqa: E402
import numpy as np  # noqa: E402

import navcore as nav  # noqa: E402
from navcore.contracts import Tensors  # noqa: E402
from navcore.domain import Status, TrialResult  # noqa: E402
from navcore.engine.choose import choose  # noqa: E402
from navcore.engine.measure import measure_round_robin  # noqa: E402
from navcore.engine.race import Pace  # noqa: E402
from navcore.engine.shapes import resized  # noqa: E402
from navcore.engine.sweep import Sweep  # noqa: E402
from navcore.engine.timing import LocalTimer  # noqa: E402

SIZES = (1, 2, 4, 8)
STRATEGY = nav.MaxThroughputAndMinLatencyStrategy()
PROFILE = nav.OptimizationProfile(max_batch_size=8)
QUICK = Pace.of(PROFILE)
FULL = attrs.evolve(QUICK, racing=False, fewest=QUICK.most)
TRUTH = attrs.evolve(FULL, fewest=50, most=50)

Infer = Callable[[Tensors], Tensors]
Feeds = Mapping[int, Tensors]


def synthetic(seed: int) -> dict[str, Infer]:
    """Return six candidates; each costs so many products per call and so many per row."""
    random = np.random.default_rng(seed)
    left, right = np.ones((96, 96), np.float32), np.full((96, 96), 0.5, np.float32)

    def made(alone: int, row: int) -> Infer:
        out = np.empty((96, 96), np.float32)

        def infer(feeds: Tensors) -> Tensors:
            for _ in range(alone + row * len(feeds["x"])):
                np.matmul(left, right, out=out)
            return {}

        return infer

    costs = [(int(random.integers(5, 60)), int(random.integers(8, 30))) for _ in range(4)]
    close = costs[int(random.integers(4))]
    costs += [(close[0] + 1, close[1]), (close[0], close[1] + 1)]
    return {f"candidate {place}": made(*cost) for place, cost in enumerate(costs)}


def measured(candidates: Mapping[str, Infer], feeds: Feeds, pace: Pace, seed: int) -> tuple[list[TrialResult], float]:
    """Measure all candidates at all sizes; return them as trials, and the seconds that it took."""
    sweeps = [Sweep(name, LocalTimer(infer)) for name, infer in candidates.items()]
    random = np.random.default_rng(seed)
    profile = PROFILE if pace.racing else attrs.evolve(PROFILE, throughput_cutoff_threshold=None)
    start = time.perf_counter()
    for size in SIZES:
        measure_round_robin(sweeps, feeds[size], size, profile, baseline=sweeps[0].name, random=random, pace=pace)
    took = time.perf_counter() - start
    trials = [
        TrialResult(sweep.name, nav.Format.ONNX, "Runner", 1, Status.OK, measurements=tuple(sweep.measurements))
        for sweep in sweeps
    ]
    return trials, took


def regret(candidates: Mapping[str, Infer], feeds: Feeds, runs: int) -> tuple[list[float], list[float], float, str]:
    """Return by how much each run's choice misses the best, its seconds, those of a full measurement, and the best."""
    truth, _ = measured(candidates, feeds, TRUTH, seed=0)
    scores = {trial.route: STRATEGY.score(trial) or 0.0 for trial in truth}
    best = max(scores, key=scores.__getitem__)
    _, full_s = measured(candidates, feeds, FULL, seed=0)
    missed, took = [], []
    for seed in range(runs):
        trials, seconds = measured(candidates, feeds, QUICK, seed)
        choice = choose(trials, (STRATEGY,))
        assert choice is not None
        missed.append(1 - np.exp(scores[choice.trial.route] - scores[best]))
        took.append(seconds)
    return missed, took, full_s, best


def demo(stack: ExitStack) -> tuple[dict[str, Infer], Feeds]:
    """Return the runtimes of the demo, opened here, and inputs for each size."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "minilm"))
    import minilm

    folder = stack.enter_context(tempfile.TemporaryDirectory())
    package = nav.optimize(
        minilm.model(), minilm.dataloader(), workspace=folder, optimization_profile=PROFILE, quiet=True
    )
    working = [trial for trial in package.status.trials if trial.status is Status.OK]
    sessions = {
        f"{trial.route} on {trial.runner}": stack.enter_context(
            package.get_runner(strategy=nav.SelectedRuntimeStrategy(trial.route, trial.runner))
        )
        for trial in working
    }
    inputs = package.model.examples[0]
    feeds = {size: resized(inputs, tuple(inputs), size) for size in SIZES}
    return {name: session.infer for name, session in sessions.items()}, feeds


def show(title: str, found: tuple[list[float], list[float], float, str]) -> Iterable[float]:
    """Print one set and return what its runs missed."""
    missed, took, full_s, best = found
    right = sum(each <= 0.02 for each in missed)
    median = float(np.median(took))
    print(
        f"{title}: {right} of {len(missed)} runs within 2 % of {best}, worst {max(missed):.1%}; race {median:.2f} s, "
        f"everybody fully {full_s:.2f} s, ratio {median / full_s:.2f}"
    )
    return missed


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--demo", action="store_true")
    asked = parser.parse_args(arguments)
    missed: list[float] = []
    rows = {size: {"x": np.zeros((size, 1), np.float32)} for size in SIZES}
    for seed in range(asked.sets):
        missed += show(f"set {seed}", regret(synthetic(seed), rows, asked.runs))
    if missed:
        print(f"synthetic: {sum(each <= 0.02 for each in missed)} of {len(missed)} runs within 2 % of the best")
    if asked.demo:
        with ExitStack() as stack:
            show("demo", regret(*demo(stack), asked.runs))


if __name__ == "__main__":
    main()

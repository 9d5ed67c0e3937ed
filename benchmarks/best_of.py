"""Is what `navcore.optimize` chooses as fast as the best of what one writes by hand?

python benchmarks/best_of.py [--framework torch|jax|tensorflow] [--model NAME ...] [--size full|tiny] [--rounds N]
                             [--max-batch-size N] [--static] [--together WAY ...] [--without WAY ...]
                             [--processes N] [--json FILE]

Each model of the zoo is optimised with default options, and MaxThroughputStrategy chooses. Then the chosen session and
hand-written calls of the same runtimes with their default settings (hand_written*.py) run at the batch size that the
choice was measured at: each in a process of its own, one at a time, in blocks, in random order in every round. Thread
pools spin for a while after a call, so there is a pause before every block, and a call that does not count. A
hand-written way counts where it gives what the module gives, for all samples that it takes. The ratio is the median
over the rounds of the time of the best hand-written way by that of ours, with its 95 % interval: above 1 ours is
faster, at least 0.98 is wanted. The best one is the one with the shortest median. Of ways that are as fast as each
other that would be the luckiest, so each half of the rounds is compared with what was best in the other half.

Like is compared with like. A hand-written call of a framework takes the framework's tensors, placed before, and gives
such: so does `native`. Those of ONNX Runtime and OpenVINO take and give arrays: so does `infer`. What `infer` takes
where `native` could be called, and `bind`, are shown besides.

The C library gives freed memory back to the system or keeps it, depending on what a process did before; taking 16 MB
of outputs back costs as much as an embedding that fills them. So that this favours nobody, all processes keep it.

Where a process, its weights and its buffers lie in memory can make 3 % of difference for as long as it lives.
--processes does everything so many times over, search included. Then the ratio is the median of those of the processes,
and what stands beside it the smallest and the largest; the best hand-written way is the one with the shortest time by
that measure. --together names hand-written ways that run in the process of ours, for runtimes that share a thread pool
with what is chosen; --without names those that are known to be slow.

--static also exports with all sizes fixed to those that are timed, which serves no other input; it is told apart.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import math
import os
import pickle
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hand_case import WRITTEN, Case, Step, ways_of
from hand_worker import BOUND, NATIVE, OURS, STRATEGY, WORKSPACE, Given, Worker, block_ms, made, our_steps
from routes import zoo_of
from zoo import SIZES

import navcore as nav
from navcore.contracts import Tensors
from navcore.engine.shapes import resized
from navcore.engine.statistics import ratio
from navcore.session import Session

STATIC = ", static"
WANTED = 0.98
BLOCK_S = 0.1

KEEP_FREED = {"MALLOC_TRIM_THRESHOLD_": str(1 << 32), "MALLOC_MMAP_THRESHOLD_": str(1 << 32)}
"""Environment of the processes, for glibc."""

Block = Callable[[int], float]
"""Times so many calls; returns the time of one in ms."""


def main() -> int:
    """Print the table; always 0, since these are figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--framework", choices=WRITTEN, default="torch")
    parser.add_argument("--model", nargs="+", metavar="NAME", help="of the zoo; by default all of them")
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--max-batch-size", type=int, help="of the search; by default it ends where throughput does")
    parser.add_argument("--static", action="store_true")
    parser.add_argument("--together", nargs="+", default=[], metavar="WAY", help="run these in the process of ours")
    parser.add_argument("--without", nargs="+", default=[], metavar="WAY", help="leave these out")
    parser.add_argument("--processes", type=int, default=1, help="how often each model is searched and timed anew")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(one(asked.one, asked)))
        return 0
    found: dict[str, Any] = {}
    for name in asked.model or zoo_of(asked.framework).models:
        told = []
        for _ in range(asked.processes):
            one_process = in_a_process(name, asked)
            if one_process is not None:
                told.append(one_process)
                show_ways(name, one_process)
        if told:
            found[name] = over_processes(told) if asked.processes > 1 else told[0]
        if asked.json:
            asked.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    show(found)
    return 0


def in_a_process(name: str, asked: argparse.Namespace) -> dict[str, Any] | None:
    """Return the figures of one model, or None where its process did not live to give them."""
    command = [sys.executable, __file__, "--framework", asked.framework, "--one", name]
    command += ["--size", asked.size, "--rounds", str(asked.rounds)]
    command += ["--static"] if asked.static else []
    command += ["--together", *asked.together] if asked.together else []
    command += ["--without", *asked.without] if asked.without else []
    command += ["--max-batch-size", str(asked.max_batch_size)] if asked.max_batch_size else []
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | KEEP_FREED)
    if done.returncode:
        print(f"{name}: its process ended with {done.returncode}:\n{done.stderr[-1500:]}")
        return None
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def one(name: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one model."""
    folder = Path(tempfile.mkdtemp())
    loaded = zoo_of(asked.framework).load(name, asked.size)
    try:
        package = nav.optimize(
            loaded.module,
            loaded.samples,
            workspace=folder / WORKSPACE,
            target_device="cpu",
            optimization_profile=nav.OptimizationProfile(max_batch_size=asked.max_batch_size),
            quiet=True,
            **loaded.options,
        )
        session = package.get_runner(strategy=STRATEGY)
        size = session.choice.measurement.batch_size
        feeds = timed_inputs(package, size)
        given = write_given(package, feeds, folder)
        with contextlib.ExitStack() as stack:
            written, reasons = by_hand(name, asked, folder, stack)
            if asked.together:
                case = Case(module=loaded.module, model=package.model, feeds=feeds, folder=folder)
                ours = together(case, session, asked, given, reasons, stack)
            else:
                worker = Worker(asked.framework, None, True, name, asked.size, folder)
                stack.callback(worker.close)
                if worker.reason:
                    raise RuntimeError(f"what was chosen for {name} cannot be timed: {worker.reason}")
                ours = {step: worker.block(step) for step in worker.steps}
            blocks = interleaved({**ours, **written}, asked.rounds)
        return figures(session.name, size, blocks, reasons)
    finally:
        shutil.rmtree(folder)


def together(
    case: Case,
    session: Session,
    asked: argparse.Namespace,
    given: Given,
    reasons: dict[str, str],
    stack: contextlib.ExitStack,
) -> dict[str, Block]:
    """Return ours and the hand-written ways that run in this process; reasons of those that do not work are added."""
    ways = ways_of(asked.framework)
    steps: dict[str, Step] = {}
    for way in asked.together:
        step, reason = made(ways, way, case, given.samples)
        if reason:
            reasons[way] = reason
        else:
            steps[way] = step
    stack.enter_context(session)
    return {name: here(step) for name, step in {**our_steps(session, case.feeds, ways.placed), **steps}.items()}


def timed_inputs(package: nav.Package, size: int | None) -> Tensors:
    """Return the first sample at that batch size, as it was measured."""
    inputs, _ = next(iter(package.samples()))
    if size is None:
        return inputs
    signature = package.status.signature
    return resized(inputs, [name for name in signature.input_names if signature.batched(name)], size)


def write_given(package: nav.Package, feeds: Tensors, folder: Path) -> Given:
    """Write what the processes need, and return it."""
    samples = zip(package.status.samples, package.samples(), strict=True)
    given = Given(
        call=package.model.call,
        signature=package.status.signature,
        feeds=feeds,
        samples=tuple(inputs for summary, (inputs, _) in samples if summary.given),
    )
    (folder / "given").write_bytes(pickle.dumps(given))
    return given


def by_hand(
    name: str, asked: argparse.Namespace, folder: Path, stack: contextlib.ExitStack
) -> tuple[dict[str, Block], dict[str, str]]:
    """Return the ways that work, each in a process that waits, and the reasons of the others."""
    ways = ways_of(asked.framework)
    tried = {way: (way, True) for way in ways.WAYS if way not in (*asked.together, *asked.without)}
    if asked.static:
        tried |= {f"{way}{STATIC}": (way, False) for way in ways.EXPORTS}
    working: dict[str, Block] = {}
    reasons: dict[str, str] = {}
    for label, (way, varying) in tried.items():
        worker = Worker(asked.framework, way, varying, name, asked.size, folder)
        if worker.reason:
            reasons[label] = worker.reason
            worker.close()
        else:
            stack.callback(worker.close)
            working[label] = worker.block(way)
    return working, reasons


def here(step: Step) -> Block:
    """Return a way that runs in this process."""
    return lambda calls: block_ms(step, calls)


def interleaved(ways: Mapping[str, Block], rounds: int) -> dict[str, list[float]]:
    """Return the time per call in ms of every block, by way; every round has one block of each."""
    calls = {name: fitting(block) for name, block in ways.items()}
    blocks: dict[str, list[float]] = {name: [] for name in ways}
    gc.collect()
    for _ in range(rounds):
        for name in random.sample(list(ways), len(ways)):
            blocks[name].append(ways[name](calls[name]))
    return blocks


def fitting(block: Block) -> int:
    """Return how many calls a block holds, after two blocks that warm up."""
    for _ in range(2):
        block(1)
    return max(1, math.ceil(BLOCK_S * 1e3 / block(1)))


def figures(
    choice: str, size: int | None, blocks: Mapping[str, list[float]], reasons: Mapping[str, str]
) -> dict[str, Any]:
    """Return what is shown and written for one model."""
    medians = {name: statistics.median(values) for name, values in blocks.items()}
    best = {}
    for kind, names in by_kind(blocks).items():
        by_hand_ms = best_blocks(blocks, names)
        found = {name: ratio(by_hand_ms, blocks[name]) for name in ours_in(blocks)}
        ratios = {name: [each.value, each.low, each.high] for name, each in found.items()}
        best[kind] = {"way": min(names, key=medians.__getitem__), "ratios": ratios}
    return {
        "choice": choice,
        "batch_size": size,
        "medians_ms": medians,
        "reasons": dict(reasons),
        "best": best,
        "blocks_ms": dict(blocks),
    }


def best_blocks(blocks: Mapping[str, list[float]], names: Sequence[str]) -> list[float]:
    """Return the times of the way that is best in the other half of the rounds, round by round."""
    halves = [min(names, key=lambda name: statistics.median(blocks[name][half::2] or blocks[name])) for half in (0, 1)]
    return [blocks[halves[1 - place % 2]][place] for place in range(len(blocks[names[0]]))]


def ours_in(blocks: Iterable[str]) -> list[str]:
    """Return which of our ways are there; the first is the one that is like what one writes by hand."""
    return [name for name in (NATIVE, OURS, BOUND) if name in blocks]


def by_kind(blocks: Iterable[str]) -> dict[str, list[str]]:
    """Return the hand-written ways that are there, those for any size and those for one apart."""
    ours = ours_in(blocks)
    kinds = {
        kind or "varying": [name for name in blocks if name not in ours and name.endswith(STATIC) == bool(kind)]
        for kind in ("", STATIC)
    }
    return {kind: names for kind, names in kinds.items() if names}


def over_processes(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures of a model from those of several processes: median, smallest and largest of their ratios."""
    blocks = [each["blocks_ms"] for each in told]
    everywhere = [name for name in blocks[0] if all(name in other for other in blocks)]

    def ratios(way: str, name: str) -> list[float]:
        return [ratio(each[way], each[name]).value for each in blocks]

    ours = ours_in(everywhere)
    best = {}
    for kind, names in by_kind(everywhere).items():
        way = min(names, key=lambda name: statistics.median(ratios(name, ours[0])))
        found = {name: ratios(way, name) for name in ours}
        spread = {name: [statistics.median(values), min(values), max(values)] for name, values in found.items()}
        best[kind] = {"way": way, "ratios": spread}
    return {
        "choice": " / ".join(sorted({each["choice"] for each in told})),
        "batch_size": " / ".join(sorted({str(each["batch_size"]) for each in told})),
        "best": best,
        "processes": list(told),
    }


def show_ways(name: str, model: Mapping[str, Any]) -> None:
    """Print every way of one model, the fastest first."""
    print(f"\n{name}, batch size {model['batch_size'] or 'as given'}; chosen: {model['choice']}")
    for way, median in sorted(model["medians_ms"].items(), key=lambda item: item[1]):
        print(f"  {way:<24}{median:12.4g} ms")
    for way, reason in model["reasons"].items():
        print(f"  {way:<24}{'-':>12}    {reason}")
    sys.stdout.flush()


def show(found: Mapping[str, Any]) -> None:
    """Print the table."""
    print(f"\nspeed of ours against the best hand-written way, at least {WANTED} wanted:\n")
    for name, told in found.items():
        print(f"{name}, batch size {told['batch_size'] or 'as given'}, {told['choice']}")
        for best in told["best"].values():
            for place, way in enumerate(ours_in(best["ratios"])):
                like = "" if place else ", like for like"
                print(f"  {_interval(best['ratios'][way])}  {way} by {best['way']}{like}")


def _interval(values: list[float]) -> str:
    value, low, high = values
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    sys.exit(main())

"""A run that other tests interrupt: python long_run.py WORKSPACE LEDGER [--resume] [--pause-after SUBJECT]

Every build and check notes its name in the ledger before it begins and after it has ended. After the step SUBJECT the
run stands still until a signal comes.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import navcore as nav
from navcore.testing.toys import TOY_NPZ, TOY_TOOLS, ToyConverter, ToyModel, ToyPlugin, ToyRunner, toy_samples


class Ledger:
    """Listens to the run."""

    def __init__(self, path: Path, pause_after: str) -> None:
        self.path = path
        self.pause_after = pause_after

    @nav.hookimpl
    def nav_event(self, event: Any) -> None:
        with self.path.open("a") as file:
            file.write(f"{type(event).__name__} {getattr(event, 'subject', '')}\n")
        if type(event).__name__ == "StepFinished" and event.subject == self.pause_after:
            signal.pause()


def main() -> None:
    """Optimise a toy along several routes that each take a moment, at sizes that no race of times ends."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell's background jobs start ignores it
    workspace, ledger = Path(sys.argv[1]), Path(sys.argv[2])
    tools = [
        *TOY_TOOLS,
        *(ToyConverter(name=f"copy-{index}") for index in range(3)),
        *(ToyRunner(name=f"Slow-{index}", accepts=TOY_NPZ, repeat=200 + index) for index in range(3)),
    ]
    pause_after = sys.argv[sys.argv.index("--pause-after") + 1] if "--pause-after" in sys.argv else ""
    registry = nav.load_plugins([ToyPlugin(tools=tuple(tools)), Ledger(ledger, pause_after)], installed=False)
    package = nav.optimize(
        ToyModel(),
        toy_samples(),
        workspace=workspace,
        optimization_profile=nav.OptimizationProfile(batch_sizes=(1, 2, 4), window_size=3, max_trials=3),
        registry=registry,
        resume="--resume" in sys.argv,
        quiet=True,
    )
    print(len(package.status.trials))


if __name__ == "__main__":
    main()

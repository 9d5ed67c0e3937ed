"""Peaks of memory of a search:

    python memory_run.py WORKSPACE MEBIBYTES --case MODEL:PLACE... [--runner NAME]... [--precision PRECISION]

Prints one line of JSON for each case, a model of `memory_models`, or one of this script, with its exports in a `worker`
where that can be or `here`: the peak of this process as a multiple of the model's size, the model itself included, and
the peak of each step. What imports take is not counted: a small model is optimised first, in the same way.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import shutil
from pathlib import Path
from typing import Any

import attrs
import memory_models
import torch

import navcore as nav
from navcore.engine.usage import Meter

PROFILE = nav.OptimizationProfile(batch_sizes=(2,), window_size=3, max_trials=3)


class Own(memory_models.Mixed):
    """A model that no worker can import, so its exports run here, and it is not copied."""


@attrs.define(eq=False)
class Peaks:
    """Listens to runs, and notes the peak of each step.

    Attributes:
        before: What was resident before there was any large model.
        begun: The present step.
        steps: Peak of each step, in bytes beyond `before`.
    """

    before: int = 0
    begun: str = "described"
    steps: dict[str, int] = attrs.field(factory=dict)

    def start(self) -> None:
        """Forget what was noted."""
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # what the model before has left is not this one's
        self.before = self.before or status_bytes("VmRSS")
        self.begun, self.steps = "described", {}
        reset_peak()

    def note(self) -> None:
        """Count the peak for the present step."""
        found = status_bytes("VmHWM") - self.before
        self.steps[self.begun] = max(found, self.steps.get(self.begun, 0))
        reset_peak()

    @nav.hookimpl
    def nav_event(self, event: Any) -> None:
        self.note()
        kind = type(event).__name__
        if kind == "StepStarted":
            self.begun = f"{event.kind} {event.subject}"
        elif kind != "Notice":
            self.begun = f"after {self.begun}" if kind == "StepFinished" else kind


def status_bytes(name: str) -> int:
    """Return a figure of proc(5), which counts in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) * 1024


def reset_peak() -> None:
    """Let the peak begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


def counted_by(peaks: Peaks) -> None:
    """Note the peak before the engine resets it, as it does to measure what a candidate takes."""
    start = Meter.start

    def noting(meter: Meter) -> None:
        peaks.note()
        start(meter)

    Meter.start = noting  # type: ignore[method-assign]


def optimized(case: str, size_bytes: int, peaks: Peaks, asked: argparse.Namespace) -> dict[str, Any]:
    """Optimise a model of that size; return what the search took and gave."""
    kind, _, place = case.partition(":")
    peaks.start()
    torch.manual_seed(0)
    model = (Own if kind == "Own" else getattr(memory_models, kind))(size_bytes).eval()
    size = sum(tensor.nbytes for tensor in model.state_dict().values())
    registry = nav.load_plugins([peaks])
    package = nav.torch.optimize(
        model,
        [torch.randint(0, 8, (2, 5)), torch.randint(0, 8, (3, 5))],
        workspace=asked.workspace,
        runners=asked.runner,
        precision=asked.precision,
        custom_configs=() if asked.runner else every_way(),
        optimization_profile=PROFILE,
        registry=registry,
        isolate_exports={"worker": None, "here": False}[place],
        target_device="cpu",
        measure="quick",
        cache=False,
        quiet=True,
    )
    peaks.note()
    results = (*package.status.builds, *package.status.trials)
    shutil.rmtree(asked.workspace)
    return {
        "case": case,
        "size_bytes": size,
        "peak": max(peaks.steps.values()) / size,
        "steps": {step: round(peak / size, 3) for step, peak in peaks.steps.items()},
        "failures": {
            f"{result.route} {getattr(result, 'runner', '')}".strip(): result.failure.kind
            for result in results
            if result.failure is not None
        },
    }


def every_way() -> list[Any]:
    """Return configs that try what is otherwise tried only where something else fails."""
    return [
        nav.OnnxConfig(export_engine=[nav.OnnxDynamoExportConfig(), nav.OnnxTraceExportConfig()]),
        nav.TorchCompileConfig(freezing=(False, True)),
    ]


def main() -> None:
    """Measure each case."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workspace", type=Path)
    parser.add_argument("mebibytes", type=int)
    parser.add_argument("--case", action="append", required=True)
    parser.add_argument("--runner", action="append")
    parser.add_argument("--precision")
    asked = parser.parse_args()
    peaks = Peaks()
    counted_by(peaks)
    optimized("Mixed:here", memory_models.MEBI, peaks, asked)
    peaks.before = 0
    for case in asked.case:
        print(json.dumps(optimized(case, asked.mebibytes * memory_models.MEBI, peaks, asked)), flush=True)


if __name__ == "__main__":
    main()

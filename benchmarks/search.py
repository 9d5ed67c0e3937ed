"""What a default search costs: wall and CPU seconds by phase, and peak memory.

python benchmarks/search.py [resnet|minilm ...] [--warm] [--thorough]

Every model is searched in a process of its own: all fp32 routes, batch sizes up to 16, with a cold artifact cache and
compile cache; --warm searches a second time with both warm. The predecessor, with fewer routes, takes 94 CPU seconds on
one core for the ResNet and 101 for MiniLM, and 624 and 462 s of wall on a noisy pair of cores.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

MODELS = ("resnet", "minilm")


class Phases:
    """A plugin that listens to a run and adds up what each phase took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = time.perf_counter()

    def lap(self, phase: str) -> None:
        """Count the time since the last lap for a phase."""
        now = time.perf_counter()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self.last
        self.last = now


def listener(phases: Phases) -> Any:
    """Return the plugin."""
    import navcore
    from navcore.domain import BatchMeasured, RunFinished, RunStarted, StepFinished

    class Listener:
        @navcore.hookimpl
        def nav_event(self, event: object) -> None:
            if isinstance(event, RunStarted):
                phases.lap("describe")
            elif isinstance(event, StepFinished) and event.kind == "build":
                phases.lap("export" if "/" not in event.subject else "convert")
            elif isinstance(event, StepFinished):
                compiled = "Compile" in event.subject
                phases.lap("check torch.compile" if compiled else "check")
            elif isinstance(event, BatchMeasured):
                phases.lap("measure")
            elif isinstance(event, RunFinished):
                phases.lap("finish")

    return Listener()


def resnet() -> tuple[Any, Any]:
    """Return a ResNet-18-like net at 3 x 64 x 64, with random weights, and two samples."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, width: int, out: int, stride: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(width, out, 3, stride, 1, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(),
                nn.Conv2d(out, out, 3, 1, 1, bias=False),
                nn.BatchNorm2d(out),
            )
            same = stride == 1 and width == out
            self.skip = (
                nn.Identity()
                if same
                else nn.Sequential(nn.Conv2d(width, out, 1, stride, bias=False), nn.BatchNorm2d(out))
            )

        def forward(self, x: Any) -> Any:
            return torch.relu(self.body(x) + self.skip(x))

    torch.manual_seed(0)
    stages = [
        (64, 64, 1),
        (64, 64, 1),
        (64, 128, 2),
        (128, 128, 1),
        (128, 256, 2),
        (256, 256, 1),
        (256, 512, 2),
        (512, 512, 1),
    ]
    net = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        *(Block(*stage) for stage in stages),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(512, 1000),
    )
    return net.eval(), [torch.randn(2, 3, 64, 64), torch.randn(3, 3, 64, 64)]


def minilm() -> tuple[Any, Any]:
    """Return the MiniLM sentence encoder of the demo, at sequence length 32."""
    import torch

    sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "minilm"))
    import minilm as demo

    ids = torch.randint(0, 30000, (2, 32), generator=torch.Generator().manual_seed(0))
    return demo.model(), [{"input_ids": ids, "attention_mask": torch.ones_like(ids)}]


def search(name: str, measure: str) -> None:
    """Search one model and print what it took as JSON."""
    phases = Phases()
    import torch  # noqa: F401  # counted as import

    import navcore

    phases.lap("import")
    net, samples = {"resnet": resnet, "minilm": minilm}[name]()
    phases.lap("load model")
    package = navcore.optimize(
        net,
        samples,
        workspace=tempfile.mkdtemp(),
        optimization_profile=navcore.OptimizationProfile(max_batch_size=16),
        registry=navcore.load_plugins([listener(phases)]),
        measure=measure,
        quiet=True,
    )
    best = package.get_best_runtime()
    own, workers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    told = {
        "phases": phases.seconds,
        "cpu_s": own.ru_utime + own.ru_stime + workers.ru_utime + workers.ru_stime,
        "peak_mb": {"own": own.ru_maxrss / 1e3, "largest worker": workers.ru_maxrss / 1e3},
        "trials": {f"{trial.route} on {trial.runner}": str(trial.status) for trial in package.status.trials},
        "best": f"{best.trial.route} on {best.trial.runner}",
        "blocks": sum(len(found.blocks_ms) for trial in package.status.trials for found in trial.measurements),
    }
    print(json.dumps(told))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS)
    parser.add_argument("--warm", action="store_true")
    parser.add_argument("--thorough", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    measure = "thorough" if asked.thorough else "quick"
    if asked.one:
        search(asked.one, measure)
        return
    for name in asked.models:
        with tempfile.TemporaryDirectory() as folder:
            environment = {
                **os.environ,
                "NAVCORE_CACHE_DIR": f"{folder}/artifacts",
                "TORCHINDUCTOR_CACHE_DIR": f"{folder}/inductor",
            }
            for run in ("cold", "warm") if asked.warm else ("cold",):
                start = time.perf_counter()
                command = [sys.executable, __file__, "--one", name, *(["--thorough"] if asked.thorough else [])]
                done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
                show(f"{name}, {run}", json.loads(done.stdout.splitlines()[-1]), time.perf_counter() - start)


def show(title: str, told: dict[str, Any], wall_s: float) -> None:
    """Print one search."""
    print(f"{title}: {wall_s:.1f} s of wall, {told['cpu_s']:.0f} CPU seconds; {told['best']} was chosen")
    print("  " + ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in told["phases"].items()))
    print("  peak memory: " + ", ".join(f"{name} {size:.0f} MB" for name, size in told["peak_mb"].items()))
    print(f"  {told['blocks']} blocks; " + ", ".join(f"{name}: {status}" for name, status in told["trials"].items()))


if __name__ == "__main__":
    main()

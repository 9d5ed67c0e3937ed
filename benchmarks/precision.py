"""What does precision="auto" bring on a CPU, and what does it cost in accuracy?

python benchmarks/precision.py [--model resnet18 minilm] [--rounds N] [--max-metric-drop DROP] [--json FILE]

A ResNet-18 with random convolutions and a head fitted to eight kinds of gratings, 224 x 224, judged by its accuracy on
images that it was not fitted to; and the sentence encoder MiniLM with its trained weights, sentences padded to 128
tokens, judged by how high it ranks the paraphrase of each sentence (mean reciprocal rank). Each is optimised with
precision="auto" and that metric, and what is chosen for throughput at batch size 8 runs beside eager PyTorch in
float32, in blocks, in random order in every round, each after a pause. The ratio is the median over the rounds, with
its 95 % interval. Wanted: 3 for the ResNet-18, 1.8 for MiniLM, on two threads of a CPU with instructions for int8 and
bf16.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.append(str(Path(__file__).parents[1] / "examples" / "minilm"))

import attrs
import minilm as demo
import numpy as np
import torch
from best_of import Block, interleaved
from hand_worker import block_ms
from precision_sentences import PAIRS
from rich.console import Console
from torch import Tensor, nn
from torch_zoo import load

import navcore as nav
from navcore.engine.statistics import ratio
from navcore.report.pareto import pareto_table

BATCH = 8
TOKENS = 128
CLASSES = 8
WANTED = {"resnet18": 3.0, "minilm": 1.8}


@attrs.frozen(eq=False)
class Task:
    """A model, what it is asked, and how good its answers are.

    Attributes:
        module: In eval mode.
        batches: Keyword arguments of calls, each of batch size 8.
        metric: Takes the outputs for all batches; higher is better.
    """

    module: nn.Module
    batches: list[dict[str, Tensor]]
    metric: Callable[[Iterable[Mapping[str, Any]]], float]


def main() -> int:
    """Print the figures; always 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--max-metric-drop", type=float, default=0.01)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    asked = parser.parse_args()
    found = {name: one(name, asked) for name in asked.model}
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    for name, told in found.items():
        value, low, high = told["ratio"]
        speed = f"{value:.2f} [{low:.2f}, {high:.2f}] times eager PyTorch's throughput at batch size {BATCH}"
        times = f"{told['eager_ms']:.4g} ms -> {told['ours_ms']:.4g} ms, wanted {WANTED[name]}"
        quality = f"metric {told['metric']:.4f}, {told['source_metric']:.4f} by the source"
        print(f"{name}: {told['choice']} ({told['precision'] or 'fp32'}), {speed} ({times}); {quality}")
    return 0


def one(name: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one model, and print its table of speed against accuracy."""
    torch.manual_seed(0)
    task = TASKS[name]()
    with tempfile.TemporaryDirectory() as folder:
        package = nav.torch.optimize(
            task.module,
            task.batches,
            workspace=folder,
            target_device="cpu",
            precision="auto",
            metric=task.metric,
            max_metric_drop=asked.max_metric_drop,
            optimization_profile=nav.OptimizationProfile(batch_sizes=(BATCH,)),
            quiet=True,
        )
        Console(width=140).print(pareto_table(package.status) or "nothing lowers the precision")
        with package.get_runner(strategy=nav.MaxThroughputStrategy()) as session:
            blocks = beside_eager(task, session, asked.rounds)
            trial = session.choice.trial
    found = ratio(blocks["eager"], blocks["ours"])
    # The source has none of its own: it is what the others are compared with.
    source = task.metric(answers(task))
    return {
        "choice": session.name,
        "precision": trial.precision,
        "metric": source if trial.metric is None else trial.metric,
        "source_metric": source,
        "ratio": [found.value, found.low, found.high],
        "eager_ms": statistics.median(blocks["eager"]),
        "ours_ms": statistics.median(blocks["ours"]),
        "threads": torch.get_num_threads(),
        "blocks_ms": blocks,
        "rounds": asked.rounds,
    }


def beside_eager(task: Task, session: nav.Session, rounds: int) -> dict[str, list[float]]:
    """Return the times of blocks of eager PyTorch and of the session, on the first batch."""
    given = task.batches[0]
    feeds = {name: tensor.numpy() for name, tensor in zip(session.signature.input_names, given.values(), strict=True)}

    def eager() -> Any:
        with torch.inference_mode():
            return task.module(**given)

    ways: dict[str, Block] = {
        "eager": lambda calls: block_ms(eager, calls),
        "ours": lambda calls: block_ms(lambda: session.infer(feeds), calls),
    }
    return interleaved(ways, rounds)


def answers(task: Task) -> list[dict[str, Any]]:
    """Return what the module gives for all batches."""
    with torch.inference_mode():
        return [_named(task.module(**batch)) for batch in task.batches]


def _named(output: Any) -> dict[str, Any]:
    if isinstance(output, Tensor):
        return {"output__0": output.numpy()}
    return {name: value.numpy() for name, value in output.items()}


def gratings(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return images of stripes in noise, float32[count, 3, 224, 224], and their kinds, int64[count]."""
    kinds = torch.arange(count) % CLASSES
    axis = torch.linspace(-1, 1, 224)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    images = []
    for kind in kinds.tolist():
        angle, waves = np.pi / 4 * (kind % 4), 12 + 10 * (kind // 4)
        phase = float(torch.rand((), generator=generator)) * 2 * np.pi
        stripes = torch.sin(waves * (np.cos(angle) * x + np.sin(angle) * y) + phase)
        images.append(stripes + 1.5 * torch.randn(3, 224, 224, generator=generator))
    return torch.stack(images), kinds


def resnet18() -> Task:
    """Return the ResNet-18 of the zoo, with a head that tells gratings apart."""
    module = load("resnet18", "full").module
    generator = torch.Generator().manual_seed(1)
    images, kinds = gratings(128, generator)
    layers = list(module.children())
    body, head = nn.Sequential(*layers[:-1]).eval(), layers[-1]
    with torch.no_grad():
        features = torch.cat([body(part) for part in images.split(BATCH)])
        mean, scale = features.mean(0), features.std(0) + 1e-6
        known = (features - mean) / scale
        wanted = nn.functional.one_hot(kinds, CLASSES).float() - 1 / CLASSES
        solved = torch.linalg.solve(known.T @ known + 10 * torch.eye(known.shape[1]), known.T @ wanted)
        fitted = nn.Linear(head.in_features, CLASSES)
        fitted.weight.copy_((solved / scale[:, None]).T)
        fitted.bias.copy_(-(mean / scale) @ solved)
    others, right = gratings(64, generator)

    def accuracy(outputs: Iterable[Mapping[str, Any]]) -> float:
        told = np.concatenate([np.asarray(next(iter(each.values()))).argmax(1) for each in outputs])
        return float((told == right.numpy()).mean())

    fitted_module = nn.Sequential(*layers[:-1], fitted).eval()
    return Task(Images(fitted_module), [{"images": part} for part in others.split(BATCH)], accuracy)


class Images(nn.Module):
    """A module whose argument has a name."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, images: Tensor) -> Tensor:
        return self.body(images)


def minilm() -> Task:
    """Return the sentence encoder, asked to find paraphrases."""
    from transformers import AutoTokenizer

    sentences = [first for first, _ in PAIRS] + [second for _, second in PAIRS]
    tokenizer = AutoTokenizer.from_pretrained(demo.folder())
    tokens = tokenizer(sentences, padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt")
    names = ("input_ids", "attention_mask")
    parts = zip(*(tokens[name].split(BATCH) for name in names), strict=True)
    mask = tokens["attention_mask"].numpy()[..., None].astype(np.float32)

    def ranking(outputs: Iterable[Mapping[str, Any]]) -> float:
        hidden = np.concatenate([np.asarray(each["last_hidden_state"], np.float32) for each in outputs])
        means = (hidden * mask).sum(1) / mask.sum(1)
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        asked, known = np.split(means, 2)
        likeness = asked @ known.T
        ranks = (likeness >= np.diag(likeness)[:, None]).sum(1)
        return float((1 / ranks).mean())

    return Task(demo.model(), [dict(zip(names, part, strict=True)) for part in parts], ranking)


TASKS = {"resnet18": resnet18, "minilm": minilm}


if __name__ == "__main__":
    sys.exit(main())

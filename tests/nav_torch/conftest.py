"""Small real modules, and what the engine makes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from nav_torch import plugin
from navcore import load_plugins
from navcore.contracts import Model
from navcore.domain import Request
from navcore.engine.describe import Source, describe
from navcore.engine.recognise import recognise


class ConvNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(self.features(image).mean((2, 3))))


class DictMLP(nn.Module):
    """Takes a dict, returns a dict with a list and a dict in it; one output is also an input, one is given twice."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(4, 3)
        self.embedding = nn.Embedding(7, 3)

    def forward(self, batch: dict[str, torch.Tensor], scale: float = 1.0) -> dict[str, Any]:
        hidden = self.dense(batch["dense"]) * scale
        score = hidden + self.embedding(batch["ids"])
        return {"score": score, "parts": [hidden, {"passed": batch["dense"]}], "again": score, "count": 3}


class TwoInputs(nn.Module):
    """Attention of queries [batch, queries, 4] over keys [batch, keys, 4]."""

    def forward(self, query: torch.Tensor, key: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        weights = torch.softmax(query @ key.transpose(1, 2), dim=-1)
        return weights @ key, weights


def _source(module: nn.Module, samples: list[Any], **options: Any) -> Source:
    registry = load_plugins(extra=[plugin], installed=False)
    return describe(module, samples, recognise(module, registry), Request(**options))


@pytest.fixture
def conv_net() -> nn.Module:
    torch.manual_seed(0)
    return ConvNet().eval()


@pytest.fixture
def dict_mlp() -> nn.Module:
    torch.manual_seed(0)
    return DictMLP().eval()


@pytest.fixture
def two_inputs() -> nn.Module:
    return TwoInputs().eval()


@pytest.fixture
def source_of() -> Callable[..., Source]:
    """Describe a module through the engine: `source_of(module, samples)`."""
    return _source


@pytest.fixture
def model_of() -> Callable[..., Model]:
    """The engine's Model of a module: `model_of(module, samples)`."""
    return lambda module, samples, **options: _source(module, samples, **options).model


@pytest.fixture
def use_tool(tmp_path: Path) -> Callable[[str, Source], None]:
    """Let an exporter write, or a runner run, by name; `reference` is what describing ran already."""

    def use(name: str, source: Source) -> None:
        for exporter in plugin.nav_exporters():
            if exporter.name == name:
                exporter.write(source.model, tmp_path / f"model{exporter.target.suffix}")
        for runner in plugin.nav_runners():
            if runner.name == name:
                with runner.open(source.model, runner.devices[0]) as infer:
                    infer(source.samples[0].inputs)

    return use

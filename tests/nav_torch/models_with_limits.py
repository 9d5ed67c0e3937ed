"""Modules whose sizes have limits, as real ones have them: shared by tests of exporters, converters and runners."""

from __future__ import annotations

import torch
from torch import nn


class UNetLike(nn.Module):
    """Treats batches of 64 and more otherwise, as the UNet of diffusers does: torch.export finds 2 to 63."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        hidden = self.norm(self.down(image))
        if hidden.shape[0] >= 64:
            hidden = hidden.contiguous() * 2
        return self.head(hidden.mean((2, 3)))


class Single(nn.Module):
    """Treats a batch of one otherwise, which torch.export takes for granted not to happen."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if x.shape[0] == 1 else x * 3


class Positions(nn.Module):
    """Has a table of sixteen positions."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.rand(1, 16, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.table[:, : x.shape[1]]


class Recurrent(nn.Module):
    """An LSTM, whose length torch.export makes a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 3, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.lstm(x)[0]


class Rows(nn.Module):
    """Works row by row, in Python: every exporter that records operators bakes the batch in."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = [x[index] * index for index in range(len(x))]
        return torch.stack(rows)


class Branch(nn.Module):
    """Doubles or triples, by the sum of its input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            return x * 2
        return x * 3

"""Models of a given size, and a tool that looks at memory, in a module that a worker can import."""

from __future__ import annotations

from pathlib import Path

import attrs
import torch
from torch import nn

from navcore.contracts import Exporter, Model
from navcore.domain import Signature
from navcore.formats import Format

MEBI = 1024**2
SMAPS = Format("smaps", suffix=".txt")
_WIDTH = 1024


class Mixed(nn.Module):
    """A third of its weights is one table, the others are linear layers; and a convolution, for channels-last."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__()
        layers = max(1, size_bytes * 2 // 3 // (4 * _WIDTH**2))
        self.table = nn.Embedding(max(8, size_bytes // 4 // _WIDTH - layers * _WIDTH), _WIDTH)
        self.smooth = nn.Conv2d(1, 1, 3, padding=1)
        self.layers = nn.ModuleList([nn.Linear(_WIDTH, _WIDTH) for _ in range(layers)])

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        hidden = self.smooth(self.table(ids).unsqueeze(1)).squeeze(1)
        for layer in self.layers:
            hidden = torch.relu(layer(hidden)) + 0.5 * hidden
        return hidden


class Table(nn.Module):
    """All its weights are one tensor: what copies one tensor at a time copies everything."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__()
        self.table = nn.Embedding(max(8, size_bytes // 4 // _WIDTH), _WIDTH)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.table(ids).sum(-1)


class Buffers(nn.Module):
    """All its weights are buffers, which are put back after every call."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__()
        for index in range(4):
            self.register_buffer(f"table_{index}", torch.rand(max(8, size_bytes // 16 // _WIDTH), _WIDTH))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return sum(nn.functional.embedding(ids, table).sum(-1) for table in self.buffers())


@attrs.frozen(kw_only=True)
class MemoryExporter(Exporter):
    """Reads every parameter, and writes what the process then has in memory: the text of /proc/self/smaps."""

    name: str = "smaps"
    source: Format = Format.TORCH
    target: Format = SMAPS

    def write(self, model: Model, out: Path) -> Signature:
        for parameter in model.object.parameters():
            parameter.sum()
        out.write_text(Path("/proc/self/smaps").read_text())
        return model.signature

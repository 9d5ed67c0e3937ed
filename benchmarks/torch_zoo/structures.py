"""Models of the zoo with an odd interface: dict inputs, nested outputs, branches on data, optional inputs, bfloat16."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple  # noqa: UP035  # torch.jit.script reads these names

import torch
from torch import Tensor, nn

from torch_zoo import Loaded

__all__ = ["bf16", "control_flow", "dict_inputs", "nested_outputs", "optional_inputs"]


def _width(tiny: bool) -> int:
    return 16 if tiny else 1024


class DictModel(nn.Module):
    """Takes a dict and returns one."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, width)
        self.body = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, batch: Dict[str, Tensor]) -> Dict[str, Tensor]:  # noqa: UP006
        hidden = self.body(batch["dense"] + self.embedding(batch["ids"]).mean(dim=1))
        return {"hidden": hidden, "score": hidden.sum(dim=-1)}


def dict_inputs(tiny: bool) -> Loaded:
    """Return a model from a dict to a dict."""
    width = _width(tiny)
    samples = [
        {"batch": {"dense": torch.randn(rows, width), "ids": torch.randint(0, 100, (rows, length))}}
        for rows, length in ((2, 5), (3, 8))
    ]
    told = f"a feed-forward net, {width} wide, from a dict of two tensors to a dict of two"
    return Loaded(module=DictModel(width), samples=samples, told=told)


class NestedModel(nn.Module):
    """Returns a tuple of a tensor and a dict with lists."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, width))
        self.left = nn.Linear(width, 4)
        self.right = nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tuple[Tensor, Dict[str, List[Tensor]]]:  # noqa: UP006
        hidden = self.body(x)
        return hidden, {"heads": [self.left(hidden), self.right(hidden)], "norms": [hidden.square().sum(dim=-1)]}


def nested_outputs(tiny: bool) -> Loaded:
    """Return a model whose outputs are nested."""
    width = _width(tiny)
    told = f"a feed-forward net, {width} wide, that returns a tuple of a tensor and a dict of lists"
    return Loaded(module=NestedModel(width), samples=[torch.randn(rows, width) for rows in (2, 3)], told=told)


class BranchingModel(nn.Module):
    """Goes another way where the sum of its input is negative: what a trace cannot follow."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.positive = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.negative = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            return self.positive(x)
        return self.negative(x) - 1


def control_flow(tiny: bool) -> Loaded:
    """Return a model that branches on its data, with samples that take both ways."""
    width = _width(tiny)
    samples = [torch.rand(2, width), -torch.rand(3, width)]
    told = f"a feed-forward net, {width} wide, that goes another way where the sum of its input is negative"
    return Loaded(module=BranchingModel(width), samples=samples, told=told)


class OptionalModel(nn.Module):
    """Has two optional inputs."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, x: Tensor, mask: Optional[Tensor] = None, bias: Optional[Tensor] = None) -> Tensor:  # noqa: UP045
        hidden = self.body(x)
        if mask is not None:
            hidden = hidden * mask
        if bias is not None:
            hidden = hidden + bias
        return hidden


def optional_inputs(tiny: bool) -> Loaded:
    """Return a model with two optional inputs, of which the samples give the first and leave the second out."""
    width = _width(tiny)
    samples = [{"x": torch.randn(rows, width), "mask": torch.rand(rows, width), "bias": None} for rows in (2, 3)]
    told = f"a feed-forward net, {width} wide, with two optional inputs: one is given, the other is None"
    return Loaded(module=OptionalModel(width), samples=samples, told=told)


class Residual(nn.Module):
    """A normalised feed-forward net beside a short cut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def bf16(tiny: bool) -> Loaded:
    """Return a model whose weights, inputs and outputs are bfloat16."""
    width, depth = _width(tiny), 2 if tiny else 4
    module = nn.Sequential(*(Residual(width) for _ in range(depth))).to(torch.bfloat16)
    samples = [torch.randn(rows, width).to(torch.bfloat16) for rows in (2, 3)]
    told = f"{depth} residual feed-forward layers, {width} wide, in bfloat16 throughout"
    return Loaded(module=module, samples=samples, told=told)

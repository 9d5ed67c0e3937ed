"""Random numbers: a model has its own, the user's stay."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nav_torch import plugin
from nav_torch.draws import Draws
from nav_torch.untouched import undisturbed
from navcore.domain import DeviceKind

TOOLS = ["reference", "torchscript-trace", "torch-exportedprogram", "onnx", "TorchCPU", "TorchCompileCPU"]


class Drawing(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + float(np.random.rand()) + random.random() + torch.rand(1)


def draw() -> list[float]:
    """Draw a number from each of the user's generators."""
    return [torch.rand(1).item(), float(np.random.rand()), random.random()]


def seed() -> None:
    torch.manual_seed(3)
    np.random.seed(3)
    random.seed(3)


@pytest.mark.parametrize("thrifty", [False, True])
def test_draws_go_on_from_block_to_block_while_the_users_stay(thrifty: bool) -> None:
    seed()
    expected = [draw(), draw(), draw()]
    seed()
    draws = Draws(torch.device("cpu"), thrifty=thrifty)
    drawn = []
    for _ in range(2):
        with undisturbed(draws):
            drawn.append(draw())

    assert expected[:2] == drawn
    assert expected == [draw(), draw(), draw()]


@pytest.mark.parametrize("tool", TOOLS)
def test_no_tool_moves_the_users_random_states(
    tool: str, source_of: Callable[..., Any], use_tool: Callable[..., Any]
) -> None:
    seed()
    expected = draw()
    seed()
    use_tool(tool, source_of(Drawing(), [torch.rand(2, 3, generator=torch.Generator().manual_seed(0))]))

    assert expected == draw()


def test_a_runner_never_takes_the_users_random_states_back(model_of: Callable[..., Any]) -> None:
    (runner,) = [runner for runner in plugin.nav_runners() if runner.name == "TorchCPU"]
    model = model_of(Drawing(), [torch.rand(2, 3)])
    seed()
    expected = [draw(), draw(), draw()]
    seed()
    drawn = []
    with runner.open(model, DeviceKind.CPU) as infer:
        for _ in range(2):
            infer(model.examples[0])
            drawn.append(draw())

    assert expected == [*drawn, draw()]


def test_a_first_block_that_fails_does_not_tell_what_is_drawn_from() -> None:
    draws = Draws(torch.device("cpu"), thrifty=True)
    with pytest.raises(ValueError, match="refused"), undisturbed(draws):
        raise ValueError("refused")
    seed()
    expected = draw()
    seed()
    with undisturbed(draws):
        draw()

    assert expected == draw()

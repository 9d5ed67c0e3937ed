"""What is handed to another process, and what stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from nav_torch.hand_over import hand_over, take_over
from navcore.contracts import Model
from navcore.domain import Signature
from navcore.formats import Format


def model_of(module: Any) -> Model:
    return Model(format=Format.TORCH, signature=Signature((), (), None), object=module, call="call")


def test_what_was_handed_over_is_the_same_model(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU()).eval()

    assert "nav_torch.hand_over:take_over" == hand_over(model_of(module), tmp_path, False)
    held, call = take_over(tmp_path)
    assert "call" == call
    assert torch.equal(module(torch.ones(2, 3)), held(torch.ones(2, 3)))


def test_a_large_model_is_handed_over_only_where_that_is_asked_for(tmp_path: Path) -> None:
    module = nn.Linear(1, 1)
    module.register_buffer("large", torch.zeros(1).expand(65 * 1024**2))  # one number in memory, 260 MiB to save

    assert hand_over(model_of(module), tmp_path, False) is None
    assert [] == list(tmp_path.iterdir())
    assert hand_over(model_of(module), tmp_path, True) is not None


@pytest.mark.parametrize("asked", [True, False])
def test_a_model_nested_too_deep_for_pickle_stays_here(tmp_path: Path, asked: bool) -> None:
    module: nn.Module = nn.Linear(1, 1)
    for _ in range(300):
        module = nn.Sequential(module)

    assert hand_over(model_of(module), tmp_path, asked) is None
    assert [] == list(tmp_path.iterdir())

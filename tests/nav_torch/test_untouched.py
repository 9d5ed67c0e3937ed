from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from nav_torch.untouched import untouched


class Meddler(nn.Module):
    """Changes everything that a forward can change besides its tensors, and tells `seen`, which is not put back."""

    def __init__(self, seen: list[dict[str, Any]]) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
        self.frozen = nn.Linear(2, 2).requires_grad_(False)
        self.tell = seen.append

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.tell(
            {
                "training": [part.training for part in self.modules()],
                "grad": torch.is_grad_enabled(),
                "autocast": torch.is_autocast_enabled("cpu"),
            }
        )
        torch.manual_seed(1)
        torch.set_num_threads(torch.get_num_threads() + 1)
        torch.set_default_dtype(torch.float64)
        self.train()
        self.body[0].requires_grad_(False)
        self.body[0].weight.grad = None
        return self.body(x)


@pytest.fixture
def seen() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def meddler(seen: list[dict[str, Any]]) -> Meddler:
    module = Meddler(seen).train()
    module.body[0].eval()
    module.body[0].weight.grad = torch.full((2, 2), 7.0)
    return module


def state_of(module: nn.Module) -> dict[str, Any]:
    """Everything that is promised to stay."""
    return {
        "modes": [part.training for part in module.modules()],
        "requires_grad": [parameter.requires_grad for parameter in module.parameters()],
        "gradients": [id(parameter.grad) for parameter in module.parameters()],
        "weights": [parameter.data_ptr() for parameter in module.parameters()],
        "devices": [parameter.device for parameter in module.parameters()],
        "hooks": [list(part._forward_hooks) for part in module.modules()],
        "attributes": [sorted(vars(part)) for part in module.modules()],
        "random": torch.get_rng_state().tolist(),
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "grad": torch.is_grad_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
    }


def test_everything_is_put_back(meddler: Meddler) -> None:
    before = state_of(meddler)
    with untouched(meddler):
        meddler(torch.ones(1, 2))

    assert before == state_of(meddler)
    assert [[7.0, 7.0], [7.0, 7.0]] == meddler.body[0].weight.grad.tolist()


def test_everything_is_put_back_after_an_error(meddler: Meddler) -> None:
    before = state_of(meddler)
    with pytest.raises(RuntimeError), untouched(meddler):
        meddler(torch.ones(1, 3))

    assert before == state_of(meddler)


def test_inside_there_is_eval_mode_and_neither_gradients_nor_autocast(
    meddler: Meddler, seen: list[dict[str, Any]]
) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16), untouched(meddler):
        meddler(torch.ones(1, 2))

    assert [{"training": [False] * 5, "grad": False, "autocast": False}] == seen


def test_overridden_train_is_not_called(meddler: Meddler) -> None:
    def train(mode: bool = True) -> nn.Module:
        raise AssertionError("merged the weights")

    meddler.body.train = train
    with untouched(meddler):
        assert not meddler.training


@pytest.mark.parametrize("tool", ["reference", "torchscript", "torch-exportedprogram", "onnx", "TorchCPU"])
def test_every_tool_leaves_the_module_as_it_was(
    tool: str, conv_net: nn.Module, source_of: Callable[..., Any], use_tool: Callable[..., Any]
) -> None:
    conv_net.train()
    conv_net.features.eval()
    conv_net.head.weight.grad = torch.ones_like(conv_net.head.weight)
    conv_net.features[0].requires_grad_(False)
    calls: list[int] = []
    conv_net.register_forward_hook(lambda *_: calls.append(1))
    values = {name: tensor.clone() for name, tensor in conv_net.state_dict().items()}
    sample = torch.rand(2, 3, 4, 4)
    before = state_of(conv_net)
    use_tool(tool, source_of(conv_net, [sample]))

    assert before == state_of(conv_net)
    assert all(torch.equal(values[name], tensor) for name, tensor in conv_net.state_dict().items())
    assert calls

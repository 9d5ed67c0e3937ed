from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from nav_torch import plugin
from nav_torch.export_error import ExportError
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


class Everything(nn.Module):
    """In training mode, with gradients, a frozen part, hooks, tied weights, and buffers, one of which counts calls."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.norm = nn.BatchNorm1d(4)
        self.drop = nn.Dropout(0.5)
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("n", torch.zeros(1))
        self.register_buffer("scale", torch.tensor(2.0), persistent=False)
        self.to(dtype).train()
        self.frozen.eval()
        self(torch.rand(3, 4, dtype=dtype)).sum().backward()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.n += 1
        return self.head(self.drop(self.frozen(self.norm(x)))) * self.scale


def bits(tensor: torch.Tensor | None) -> list[int] | None:
    return None if tensor is None else tensor.detach().reshape(-1).view(torch.uint8).tolist()


def contents_of(module: nn.Module) -> dict[str, Any]:
    """Everything that a module holds: tensors by identity and bits, and whether parameters were written to."""
    parameters = dict(module.named_parameters(remove_duplicate=False))
    return {
        "parameters": {name: (id(each), each._version, bits(each)) for name, each in parameters.items()},
        "buffers": {name: (id(each), bits(each)) for name, each in module.named_buffers()},
        "gradients": {name: (id(each.grad), bits(each.grad)) for name, each in module.named_parameters()},
        "hooks": [
            [list(getattr(part, name).values()) for name in vars(part) if "hooks" in name] for part in module.modules()
        ],
        "saved": {name: bits(each) for name, each in module.state_dict().items()},
    }


EXPORTERS = [exporter.name for exporter in plugin.nav_exporters()]
TOOLS = [(tool, torch.float32) for tool in ("reference", "TorchCPU", *EXPORTERS)]
TOOLS += [(tool, torch.bfloat16) for tool in ("TorchCPU", "torchscript-trace", "torch-exportedprogram")]


@pytest.mark.parametrize(("tool", "dtype"), TOOLS)
def test_every_tool_leaves_the_module_as_it_was(
    tool: str, dtype: torch.dtype, source_of: Callable[..., Any], use_tool: Callable[..., Any]
) -> None:
    module = Everything(dtype)
    source = source_of(module, [torch.rand(2, 4, generator=torch.Generator().manual_seed(0)).to(dtype)])
    calls: list[int] = []
    if tool != "torchscript-script":  # it would compile the hook
        module.norm.register_forward_hook(lambda *_: calls.append(1))
    before = {**state_of(module), **contents_of(module)}
    use_tool(tool, source)

    after = {**state_of(module), **contents_of(module)}
    assert [] == [name for name in before if before[name] != after[name]]
    assert module.head.weight is module.embedding.weight
    assert calls or tool in ("reference", "torchscript-script")


@pytest.mark.parametrize("tool", EXPORTERS)
def test_an_exporter_that_fails_leaves_the_module_as_it_was_too(
    tool: str, source_of: Callable[..., Any], use_tool: Callable[..., Any]
) -> None:
    class Refused(Everything):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) if {"a set": x.sum().item() > 0}["a set"] else x

    module = Refused(torch.float32)
    source = source_of(module, [torch.rand(2, 4)])
    before = {**state_of(module), **contents_of(module)}
    with pytest.raises(ExportError):
        use_tool(tool, source)

    after = {**state_of(module), **contents_of(module)}
    assert [] == [name for name in before if before[name] != after[name]]

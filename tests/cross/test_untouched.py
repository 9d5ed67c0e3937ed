"""A run leaves the user's model, and the process around it, as they were."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import navcore as nav

from .conftest import QUICK

RUNNERS = ["TorchCPU", "TorchScriptCPU", "TorchExportedProgramCPU", "OnnxCPU"]
"""What every exporter here is for; with exports in this process, on the very module of the user's."""


def bits(tensor: torch.Tensor | None) -> bytes | None:
    return None if tensor is None else tensor.detach().reshape(-1).view(torch.uint8).numpy().tobytes()


def state(model: nn.Module) -> dict[str, Any]:
    """Everything that a careless tool could have changed."""
    return {
        "training": [module.training for module in model.modules()],
        "parameters": [(name, p.data_ptr(), p.device, p.dtype, p._version) for name, p in model.named_parameters()],
        "values": [bits(p) for p in model.parameters()],
        "buffers": [(name, b.data_ptr(), bits(b)) for name, b in model.named_buffers()],
        "requires_grad": [p.requires_grad for p in model.parameters()],
        "grad": [(id(p.grad), bits(p.grad)) for p in model.parameters()],
        "tied": [id(p) for _, p in model.named_parameters(remove_duplicate=False)],
        "hooks": [
            [list(getattr(module, kind).values()) for kind in vars(module) if "hooks" in kind]
            for module in model.modules()
        ],
        "attributes": [sorted(vars(module)) for module in model.modules()],
        "forward": [module.forward.__func__ for module in model.modules()],
        "torch_rng": torch.get_rng_state().numpy().tobytes(),
        "numpy_rng": pickle.dumps(np.random.get_state()),
        "python_rng": random.getstate(),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "grad_mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "dtype": torch.get_default_dtype(),
    }


class Tied(nn.Module):
    """In bfloat16, with an embedding that is the head too, and a buffer that counts calls."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("calls", torch.zeros(1))
        self.to(torch.bfloat16)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.head(self.drop(self.embedding(ids)))


def conv_net() -> tuple[nn.Module, torch.Tensor]:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(4 * 36, 5))
    model.train()
    model[1].eval()
    model[0].weight.requires_grad_(False)
    return model, torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def tied() -> tuple[nn.Module, torch.Tensor]:
    return Tied().train(), torch.arange(6).reshape(2, 3)


@pytest.mark.parametrize("made", [conv_net, tied])
def test_a_run_leaves_model_and_process_as_they_were(made: Callable[[], Any], workspace: Path) -> None:
    model, sample = made()
    model(sample).sum().backward()
    calls: list[int] = []
    last = list(model.children())[-1]
    last.register_forward_hook(lambda *_: calls.append(1))
    before = state(model)
    package = nav.optimize(
        model,
        [sample],
        workspace=workspace,
        optimization_profile=QUICK,
        target_device="cpu",
        runners=RUNNERS,
        isolate_exports=False,
        quiet=True,
    )
    after = state(model)
    built = {build.route for build in package.status.builds if build.artifact is not None}

    assert [] == [name for name in before if before[name] != after[name]]
    assert calls
    assert any("training mode" in notice for notice in package.status.notices)
    assert {"torchscript-trace", "torch-exportedprogram", "onnx"} <= built
    assert "TorchCPU" in [trial.runner for trial in package.status.trials if trial.measurements]


def test_compiling_leaves_the_model_as_it_was(workspace: Path) -> None:
    model, sample = conv_net()
    before = state(model)
    package = nav.optimize(
        model, [sample], workspace=workspace, optimization_profile=QUICK, runners=["TorchCompileCPU"], quiet=True
    )

    assert [] == [name for name in before if before[name] != state(model)[name]]
    assert [] == [trial.failure for trial in package.status.trials if trial.failure]


class Restless(nn.Module):
    """Counts its calls, draws from every generator and sets the number of threads."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.register_buffer("n", torch.zeros(1))
        self.register_buffer("last", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.set_num_threads(1 if torch.get_num_threads() > 1 else 2)
        self.calls += 1
        self.n += 1
        self.last = self.n * random.random() * float(np.random.rand()) * torch.rand(1)
        return x * 2


def test_a_run_of_a_model_that_counts_and_draws_leaves_it_and_the_process_as_they_were(workspace: Path) -> None:
    model = Restless()
    before = state(model)
    package = nav.optimize(
        model,
        [torch.ones(2, 3)],
        workspace=workspace,
        optimization_profile=QUICK,
        target_device="cpu",
        runners=RUNNERS,
        isolate_exports=False,
        quiet=True,
    )
    after = state(model)

    assert [] == [name for name in before if before[name] != after[name]]
    assert 0 == model.calls
    assert "TorchCPU" in [trial.runner for trial in package.status.trials if trial.measurements]


def test_a_failed_run_leaves_the_model_as_it_was_too(workspace: Path) -> None:
    model = nn.Linear(3, 2).train()
    samples = [torch.rand(2, 4)]
    before = state(model)
    try:
        nav.optimize(model, samples, workspace=workspace, quiet=True)
    except nav.errors.DataloaderError as error:
        message = str(error)

    assert "input__0: float32[2, 4]" in message
    assert [] == [name for name in before if before[name] != state(model)[name]]


def test_the_model_can_be_trained_after_a_run(workspace: Path) -> None:
    model = nn.Linear(3, 2)
    nav.optimize(
        model, [torch.rand(2, 3)], workspace=workspace, optimization_profile=QUICK, runners=["TorchCPU"], quiet=True
    )
    model(torch.rand(2, 3)).sum().backward()

    assert model.weight.grad is not None

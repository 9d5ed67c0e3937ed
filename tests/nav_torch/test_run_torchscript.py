"""Runners of TorchScript: the file as it is, and frozen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nav_torch import run_torchscript
from nav_torch.run_torchscript import TorchScriptRunner, torchscript_runners
from navcore.contracts import Model
from navcore.domain import DeviceKind, Signature, TensorSpec
from navcore.formats import Format
from navcore.testing.suites import RunnerSuite

PLAIN, FROZEN = torchscript_runners(DeviceKind.CPU)


class Flat(nn.Module):
    """What an exporter writes: a tuple of tensors."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, tensor: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.module(tensor),)


class Counting(nn.Module):
    """Adds the number of its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(3, 3)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.dense(tensor) + self.calls


class Drawing(nn.Module):
    """Adds a random number."""

    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor + torch.rand(1)


@pytest.fixture
def artifact_of(tmp_path: Path) -> Callable[..., Model]:
    """A module as a TorchScript file: `artifact_of(module, *samples)`."""

    def make(module: nn.Module, *samples: torch.Tensor) -> Model:
        path = tmp_path / "model.pt"
        torch.jit.save(torch.jit.script(Flat(module).eval()), path)
        rest = tuple(samples[0].shape[1:])
        with torch.no_grad():
            outputs = tuple(module.eval()(samples[0]).shape[1:]) if not isinstance(module, Counting) else rest
        signature = Signature(
            (TensorSpec("input__0", "float32", ("batch", *rest)),),
            (TensorSpec("output__0", "float32", ("batch", *outputs)),),
            "batch",
        )
        examples = tuple({"input__0": sample.numpy()} for sample in samples)
        return Model(format=Format.TORCHSCRIPT, signature=signature, path=path, examples=examples)

    return make


class TestTorchScript(RunnerSuite):
    @pytest.fixture
    def tool(self) -> TorchScriptRunner:
        return PLAIN

    @pytest.fixture
    def model(self, conv_net: nn.Module, artifact_of: Callable[..., Model]) -> Model:
        return artifact_of(conv_net, torch.rand(2, 3, 8, 8), torch.rand(4, 3, 8, 8))

    @pytest.fixture
    def expected(self, conv_net: nn.Module, model: Model) -> Any:
        with torch.no_grad():
            return [{"output__0": conv_net(torch.from_numpy(feeds["input__0"])).numpy()} for feeds in model.examples]


class TestFrozen(TestTorchScript):
    @pytest.fixture
    def tool(self) -> TorchScriptRunner:
        return FROZEN


class TestInferenceMode(TestTorchScript):
    @pytest.fixture
    def tool(self) -> TorchScriptRunner:
        return TorchScriptRunner(name="mine", devices=(DeviceKind.CPU,), inference_mode=True, frozen=True)


def test_a_frozen_module_has_constants_and_no_parameters(
    conv_net: nn.Module, artifact_of: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    optimise = torch.jit.optimize_for_inference
    monkeypatch.setattr(torch.jit, "optimize_for_inference", lambda module: made.append(optimise(module)) or made[0])
    with FROZEN.open(artifact_of(conv_net, torch.rand(2, 3, 8, 8)), DeviceKind.CPU):
        pass

    assert [] == list(made[0].parameters())
    assert "batch_norm" not in str(made[0].graph)  # folded into the convolution


@pytest.mark.parametrize("runner", [PLAIN, FROZEN], ids=lambda runner: runner.name)
def test_settling_does_not_count_as_calls(runner: TorchScriptRunner, artifact_of: Callable[..., Model]) -> None:
    module = Counting()
    model = artifact_of(module, torch.zeros(2, 3))
    with runner.open(model, DeviceKind.CPU) as infer:
        counted = [infer(model.examples[0])["output__0"][0] for _ in range(3)]

    np.testing.assert_allclose(counted, [module.dense.bias.detach() + call for call in (1, 2, 3)], rtol=1e-6, atol=1e-6)


def test_settling_draws_no_random_numbers_of_the_calls_that_follow(artifact_of: Callable[..., Model]) -> None:
    model = artifact_of(Drawing(), torch.zeros(2, 3))
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    with PLAIN.open(model, DeviceKind.CPU) as infer:
        got = infer(model.examples[0])["output__0"]

    np.testing.assert_array_equal(expected.expand(2, 3), got)


@pytest.mark.parametrize("examples", [True, False])
def test_the_executor_is_settled_before_the_first_call_where_there_are_examples(
    examples: bool, conv_net: nn.Module, artifact_of: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(
        run_torchscript,
        "_settle",
        lambda infer, model, settle=run_torchscript._settle: calls.append(
            settle(lambda feeds: calls.append(len(feeds)), model)
        ),
    )
    model = artifact_of(conv_net, torch.rand(2, 3, 8, 8))
    given = model if examples else Model(format=model.format, signature=model.signature, path=model.path)
    with PLAIN.open(given, DeviceKind.CPU):
        pass

    assert ([1, 1, None] if examples else [None]) == calls


def test_a_script_under_autocast_gives_the_dtypes_of_the_signature(
    conv_net: nn.Module, artifact_of: Callable[..., Model]
) -> None:
    model = artifact_of(conv_net, torch.rand(2, 3, 8, 8))
    runner = TorchScriptRunner(name="TorchScriptCPU-autocast-bf16", devices=(DeviceKind.CPU,), precision="bf16")
    with runner.open(model, DeviceKind.CPU) as infer:
        got = infer(model.examples[0])["output__0"]
    expected = conv_net(torch.from_numpy(model.examples[0]["input__0"])).detach().numpy()

    assert np.float32 == got.dtype
    assert 0 < np.abs(got - expected).max() < 2e-2


def test_a_script_is_lowered_by_autocast_only() -> None:
    with pytest.raises(ValueError, match="precision='int8'; autocast takes bf16 and fp16 only"):
        TorchScriptRunner(name="mine", devices=(DeviceKind.CPU,), precision="int8")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU and a CUDA build of torch")
@pytest.mark.parametrize("runner", [*torchscript_runners(DeviceKind.CUDA)], ids=lambda runner: runner.name)
def test_a_script_runs_on_the_gpu(runner: TorchScriptRunner, conv_net: nn.Module, artifact_of: Any) -> None:
    model = artifact_of(conv_net, torch.rand(2, 3, 8, 8))
    with runner.open(model, DeviceKind.CUDA) as infer:
        got = infer(model.examples[0])["output__0"]
    expected = conv_net(torch.from_numpy(model.examples[0]["input__0"])).detach()

    np.testing.assert_allclose(got, expected, rtol=1e-2, atol=1e-2)

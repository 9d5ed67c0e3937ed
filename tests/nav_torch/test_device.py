from __future__ import annotations

import copy
import importlib.util

import numpy as np
import pytest
import torch
from torch import nn

from nav_torch import plugin
from nav_torch.device import missing_compiler, missing_device
from navcore.domain import DeviceKind

CPU, CUDA = (DeviceKind.CPU,), (DeviceKind.CUDA,)
without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA GPU")


def test_the_cpu_is_always_there() -> None:
    assert missing_device(CPU) is None


@without_cuda
def test_a_build_without_cuda_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)

    assert (
        f"this PyTorch ({torch.__version__}) is built without CUDA; "
        "install a CUDA build of torch on a machine with an NVIDIA GPU"
    ) == missing_device(CUDA)


@without_cuda
def test_a_machine_without_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "12.8")

    assert (
        "PyTorch sees no CUDA GPU; run on a machine with an NVIDIA GPU, and check its driver with nvidia-smi"
    ) == missing_device(CUDA)


@without_cuda
def test_every_cuda_runner_is_unavailable_and_no_cpu_runner_for_its_device() -> None:
    for runner in plugin.nav_runners():
        reason = runner.unavailable()

        assert (reason is not None and "CUDA" in reason) == (runner.devices == CUDA)


def test_a_missing_compiler_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")

    assert (
        "torch.compile needs a C++ compiler, and 'no-such-compiler' is not on PATH; install g++ (apt install g++)"
    ) == missing_compiler(CPU)


@pytest.mark.skipif(importlib.util.find_spec("triton") is not None, reason="Triton is installed")
def test_missing_triton_says_so() -> None:
    assert (
        "torch.compile generates CUDA code through Triton, which is not installed; pip install triton"
    ) == missing_compiler(CUDA)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU and a CUDA build of torch")
@pytest.mark.parametrize("name", ["TorchCUDA", "TorchCompileCUDA", "TorchScriptCUDA", "TorchExportedProgramCUDA"])
def test_a_model_on_the_cpu_runs_on_the_gpu_and_stays_on_the_cpu(name, conv_net: nn.Module, model_of, tmp_path) -> None:
    model = model_of(conv_net, [torch.rand(2, 3, 8, 8)])
    (runner,) = [runner for runner in plugin.nav_runners() if runner.name == name]
    artifact = model
    for exporter in plugin.nav_exporters():
        if exporter.target == runner.accepts:
            path = tmp_path / f"model{exporter.target.suffix}"
            artifact = type(model)(format=exporter.target, signature=exporter.write(model, path), path=path)
    with runner.open(artifact, DeviceKind.CUDA) as infer:
        outputs = infer(model.examples[0])
    expected = copy.deepcopy(conv_net)(torch.from_numpy(model.examples[0]["input__0"])).detach()

    np.testing.assert_allclose(outputs["output__0"], expected, rtol=1e-2, atol=1e-2)
    assert "cpu" == next(conv_net.parameters()).device.type

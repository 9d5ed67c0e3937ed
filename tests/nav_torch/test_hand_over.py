"""What is handed to another process, and what stays."""

from __future__ import annotations

import logging
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from nav_torch.hand_over import hand_over, take_over
from nav_torch.live import LiveRunner
from nav_torch.run_compile import TorchCompileRunner
from nav_torch.run_torch import TorchRunner
from nav_torch.weights import LARGE_BYTES
from navcore.contracts import Model
from navcore.domain import DeviceKind, Signature
from navcore.formats import Format

CPU = (DeviceKind.CPU,)
PLAIN = TorchRunner(name="Plain", devices=CPU)
LOWERED = TorchRunner(name="Lowered", devices=CPU, plain=False, precision="bf16")
COMPILED = TorchCompileRunner(name="Compiled", devices=CPU)
FREEZING = TorchCompileRunner(name="Freezing", devices=CPU, freezing=True)


def model_of(module: Any) -> Model:
    return Model(format=Format.TORCH, signature=Signature((), (), None), object=module, call="call")


def test_what_was_handed_over_is_the_same_model(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU()).eval()

    assert "nav_torch.hand_over:take_over" == hand_over(model_of(module), tmp_path, False)
    held, call = take_over(tmp_path)
    assert "call" == call
    assert torch.equal(module(torch.ones(2, 3)), held(torch.ones(2, 3)))


def test_what_was_handed_over_is_mapped_and_what_is_written_to_it_stays_apart(tmp_path: Path) -> None:
    module = nn.Linear(300, 300)
    hand_over(model_of(module), tmp_path, False)
    first, _ = take_over(tmp_path)
    second, _ = take_over(tmp_path)
    first.weight.data.zero_()

    assert torch.equal(module.weight, second.weight)
    if sys.platform == "linux":
        assert 2 == Path("/proc/self/maps").read_text().count(str(tmp_path / "module.pt"))


def test_what_was_handed_over_makes_tensors_of_the_dtype_that_the_user_set(tmp_path: Path) -> None:
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        hand_over(model_of(nn.Linear(1, 1)), tmp_path, False)
        torch.set_default_dtype(torch.float32)
        take_over(tmp_path)

        assert torch.float64 == torch.get_default_dtype()
    finally:
        torch.set_default_dtype(before)


def test_a_model_for_which_the_disk_has_little_room_is_handed_over_only_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 80, 20))  # type: ignore[attr-defined]
    caplog.set_level(logging.DEBUG, "nav_torch")

    assert hand_over(model_of(nn.Linear(1, 2)), tmp_path, False) is None
    assert [] == list(tmp_path.iterdir())
    assert f"Linear is not handed to a worker: it takes 16 bytes, and {tmp_path} has 20 left" in caplog.text
    assert hand_over(model_of(nn.Linear(1, 2)), tmp_path, True) is not None


def test_a_model_of_the_script_that_was_started_stays_here(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    local = type("Own", (nn.Linear,), {"__module__": "__main__"})
    caplog.set_level(logging.DEBUG, "nav_torch")

    assert hand_over(model_of(nn.Sequential(local(1, 1))), tmp_path, True) is None
    assert "its class Own is defined in the script that was started" in caplog.text


@pytest.mark.parametrize("asked", [True, False])
def test_a_model_nested_too_deep_for_pickle_stays_here(tmp_path: Path, asked: bool) -> None:
    module: nn.Module = nn.Linear(1, 1)
    for _ in range(300):
        module = nn.Sequential(module)

    assert hand_over(model_of(module), tmp_path, asked) is None
    assert [] == list(tmp_path.iterdir())


def large(kind: type[nn.Module] = nn.Linear) -> nn.Module:
    module = kind(1, 1)
    module.register_buffer("large", torch.zeros(1).expand(LARGE_BYTES // 4))  # one number in memory
    return module


@pytest.mark.parametrize(("runner", "apart"), [(LOWERED, True), (FREEZING, True), (PLAIN, False), (COMPILED, False)])
def test_a_runner_that_copies_a_large_model_does_so_in_a_worker(runner: LiveRunner, apart: bool) -> None:
    assert apart is runner.apart(model_of(large()))
    assert not runner.apart(model_of(nn.Linear(1, 1)))


def test_a_runner_that_copies_is_unsuited_to_a_large_model_that_no_worker_can_have() -> None:
    local = type("Own", (nn.Linear,), {"__module__": "__main__"})
    reason = LOWERED.unsuited(model_of(large(local)))

    assert reason == (
        "it copies the model, which is too large for two in this process, and no worker can have it: its class Own is "
        "defined in the script that was started, which no other process can import"
    )
    assert LOWERED.unsuited(model_of(large())) is None
    assert LOWERED.unsuited(model_of(local(1, 1))) is None
    assert COMPILED.unsuited(model_of(large(local))) is None

"""Memory of outputs is passed on where nobody else holds it, and only there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from nav_torch import handed_over as handing
from nav_torch.handed_over import handed_over

LARGE = (64, 64)


def passed_on(make: Callable[[], Any]) -> bool:
    """Whether the array of what is made lies where that lay; its numbers are compared too."""
    outputs = {"y": make()}
    address, expected = outputs["y"].data_ptr(), outputs["y"].tolist()
    array = handed_over(outputs)["y"]
    array_address = array.ctypes.data

    assert expected == array.tolist()
    assert array.flags.writeable
    return bool(address == array_address)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.rand(LARGE),
        lambda: torch.rand(LARGE).t(),
        lambda: torch.rand(LARGE).to(torch.int64),
        lambda: torch.rand(1, *LARGE)[0],
        lambda: torch.nn.EmbeddingBag(100, 64)(torch.zeros(LARGE, dtype=torch.int64)),  # needs gradients
    ],
    ids=["new", "transposed", "integers", "view of what is gone", "with gradients"],
)
def test_what_nobody_else_holds_is_not_copied(make: Callable[[], Any]) -> None:
    assert passed_on(make)


HELD: dict[str, Any] = {}


def _held(value: Any) -> Any:
    HELD["tensor"] = value
    return value


def _seen_by_numpy(value: Any) -> Any:
    HELD["array"] = value.numpy()
    return value


@pytest.mark.parametrize(
    "make",
    [
        lambda: _held(torch.rand(LARGE)),
        lambda: _held(torch.rand(LARGE))[:],
        lambda: _held(torch.rand(LARGE)).view(-1),
        lambda: _held(torch.rand(2, *LARGE))[1],
        lambda: _held(torch.rand(LARGE)).detach(),
        lambda: _seen_by_numpy(torch.rand(LARGE)),
        lambda: torch.from_numpy(np.ones(LARGE, np.float32)),
        lambda: torch.rand(2, *LARGE)[1],
        lambda: torch.rand(64, 1).expand(LARGE),
        lambda: torch.nn.Linear(*LARGE).weight,
    ],
    ids=[
        *("held", "view of what is held", "reshaped", "part", "detached", "seen by NumPy", "memory of NumPy"),
        *("part of what is gone, which is larger", "expanded", "parameter"),
    ],
)
def test_what_somebody_else_holds_is_copied(make: Callable[[], Any]) -> None:
    assert not passed_on(make)


def test_what_a_scripted_module_holds_is_copied() -> None:
    class Keeping(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = torch.zeros(1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.last = x + 1
            return self.last

    module = torch.jit.script(Keeping())

    assert not passed_on(lambda: module(torch.rand(LARGE)))


def test_outputs_that_share_memory_with_one_another_are_told_apart() -> None:
    tensor = torch.ones(LARGE)
    outputs = {"y": tensor, "again": tensor, "part": tensor[:32], "z": torch.zeros(LARGE)}
    del tensor
    arrays = handed_over(outputs)
    arrays["y"][:] = 5

    assert ["y", "again", "part", "z"] == list(arrays)
    assert [5, 1, 1, 0] == [array[0, 0] for array in arrays.values()]


def test_where_torch_does_not_count_everything_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch._C, "_storage_Use_Count")
    handing._count.cache_clear()
    try:
        assert not passed_on(lambda: torch.rand(LARGE))
    finally:
        handing._count.cache_clear()

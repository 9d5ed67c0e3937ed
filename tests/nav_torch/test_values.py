"""Values that are remembered: in memory and in a file, and given back bit by bit."""

from __future__ import annotations

import tempfile
from typing import Any

import pytest
import torch

from nav_torch.values import Store

TENSORS = {
    "float": torch.tensor([[1.0, float("nan")], [-0.0, 3.0]]),
    "bfloat16": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    "bool": torch.tensor([True, False, True]),
    "complex": torch.tensor([1 + 2j, 3 - 1j]),
    "scalar": torch.tensor(7),
    "empty": torch.zeros(0, 3),
    "transposed": torch.arange(6.0).reshape(2, 3).T,
    "conjugate": torch.tensor([1 + 2j]).conj(),
    "expanded": torch.ones(1).expand(4),
}
PLACES = pytest.mark.parametrize("most_in_memory", [0, 1 << 20], ids=["disk", "memory"])


@PLACES
@pytest.mark.parametrize("name", TENSORS)
def test_what_has_not_changed_is_found_to_be_the_same(name: str, most_in_memory: int) -> None:
    tensor = TENSORS[name]

    assert Store(most_in_memory=most_in_memory).keep(tensor).are_in(tensor)


@PLACES
@pytest.mark.parametrize("name", [name for name in TENSORS if name not in ("empty", "expanded")])
def test_what_has_changed_is_found_out_and_put_back(name: str, most_in_memory: int) -> None:
    tensor = TENSORS[name].clone(memory_format=torch.preserve_format)
    store = Store(most_in_memory=most_in_memory)
    store.keep(torch.ones(3))
    values = store.keep(tensor)
    store.keep(torch.ones(3))
    tensor.zero_()

    assert not values.are_in(tensor)
    values.write_to(tensor)
    assert values.are_in(tensor)
    assert torch.equal(TENSORS[name].nan_to_num(9), tensor.nan_to_num(9))


def test_what_is_longer_than_a_piece_is_kept_whole() -> None:
    tensor = torch.arange(5_000_000, dtype=torch.int64)
    values = Store(most_in_memory=0).keep(tensor)
    tensor[4_999_999] = 0

    assert not values.are_in(tensor)
    values.write_to(tensor)
    assert torch.equal(torch.arange(5_000_000), tensor)


def test_where_the_disk_is_full_values_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    tensor = torch.ones(3)
    values = Store(most_in_memory=0).keep(tensor)
    tensor.zero_()
    values.write_to(tensor)

    assert torch.equal(torch.ones(3), tensor)

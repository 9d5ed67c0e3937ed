from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
import torch
from torch import nn

from nav_torch.tensors import device_of, shapes_of, to_array, to_tensor
from navcore.errors import DataloaderError

CPU = torch.device("cpu")


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "int64", "uint8", "bool", "complex64"])
def test_arrays_come_back_as_they_went(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    tensor = to_tensor(array, CPU)
    back = to_array(tensor)

    assert f"torch.{dtype}" == str(tensor.dtype)
    assert array.dtype == back.dtype
    assert np.array_equal(array, back)


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_small_floats_go_through_ml_dtypes(dtype: str, shape: tuple[int, ...]) -> None:
    tensor = torch.full(shape, 1.5).to(getattr(torch, dtype))
    array = to_array(tensor)

    assert np.dtype(getattr(ml_dtypes, dtype)) == array.dtype
    assert np.array_equal(np.full(shape, 1.5, np.float32), array.astype(np.float32))
    assert torch.equal(tensor.float(), to_tensor(array, CPU).float())


def test_neither_side_shares_memory() -> None:
    array, tensor = np.zeros(3, np.float32), torch.zeros(3)
    to_tensor(array, CPU).add_(1)
    to_tensor(tensor, CPU).add_(1)
    to_array(tensor)[...] = 1

    assert [0.0, 0.0, 0.0] == array.tolist()
    assert [0.0, 0.0, 0.0] == tensor.tolist()


def test_awkward_arrays_are_taken() -> None:
    array = np.arange(6.0)[::-2]
    array.flags.writeable = False

    assert [5.0, 3.0, 1.0] == to_tensor(array, CPU).tolist()


def test_transposed_conjugate_and_grad_tensors_are_taken() -> None:
    tensor = torch.tensor([[1 + 2j, 3 - 1j]], requires_grad=True).conj().T

    assert [[1 - 2j], [3 + 1j]] == to_array(tensor).tolist()


def test_text_is_refused() -> None:
    with pytest.raises(DataloaderError, match=r"torch has no tensors of dtype <U1\n  fix: give numbers"):
        to_tensor(np.array(["a"]), CPU)


def test_sparse_tensors_are_refused() -> None:
    with pytest.raises(DataloaderError, match=r"layout torch.sparse_coo, which numpy has not\n  fix: call .to_dense()"):
        to_array(torch.eye(2).to_sparse())


@pytest.mark.filterwarnings("ignore")  # torch calls them a prototype
def test_nested_tensors_are_refused() -> None:
    with pytest.raises(DataloaderError, match=r"a tensor is nested, which numpy has not\n  fix: call .to_padded"):
        to_array(torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]))


def test_tensors_without_numbers_are_refused() -> None:
    with pytest.raises(DataloaderError, match=r"a tensor is on the meta device, .*\n  fix: give one with numbers"):
        to_array(torch.ones(2, device="meta"))


def test_dtypes_that_numpy_never_heard_of_are_refused() -> None:
    with pytest.raises(DataloaderError, match=r"numpy has no dtype for torch.quint8\n  fix: pip install ml_dtypes"):
        to_array(torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8))


def test_the_device_is_that_of_the_first_parameter_or_buffer() -> None:
    with_buffer = nn.Module()
    with_buffer.register_buffer("mask", torch.ones(1, device="meta"))

    assert CPU == device_of(nn.Identity())
    assert CPU == device_of(nn.Linear(1, 1))
    assert torch.device("meta") == device_of(with_buffer)


def test_shapes_are_shown_with_names_and_dtypes() -> None:
    assert "x: float32[2, 3], n: int64[]" == shapes_of({"x": torch.ones(2, 3), "n": np.array(1)})

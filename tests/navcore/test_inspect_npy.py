"""Every array that navcore writes is accepted, and what NumPy could not read without pickle is refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from navcore.errors import PackageFileError
from navcore.store.inspect_npy import inspect_npy

HERE = Path("model.nav")
PLAIN = (
    arrays.boolean_dtypes()
    | arrays.integer_dtypes(endianness="?")
    | arrays.floating_dtypes(endianness="?")
    | arrays.complex_number_dtypes()
    | arrays.unicode_string_dtypes(min_len=1)
    | arrays.byte_string_dtypes(min_len=1)
)


def saved(array: object, **options: bool) -> io.BytesIO:
    file = io.BytesIO()
    np.save(file, np.asarray(array), **options)
    file.seek(0)
    return file


@given(arrays.arrays(PLAIN, arrays.array_shapes(min_dims=0, min_side=0, max_dims=5)), st.booleans())
def test_plain_arrays_are_accepted(array: np.ndarray, fortran: bool) -> None:
    inspect_npy(saved(np.asfortranarray(array) if fortran else array, allow_pickle=False), "x.npy", HERE)


def test_types_that_numpy_lacks_are_accepted() -> None:
    inspect_npy(saved(np.zeros((2, 3), "V2")), "x.npy", HERE)


@pytest.mark.parametrize(
    "array",
    [np.array([None]), np.array([{}], dtype=object), np.zeros(2, [("a", "O")]), np.zeros(2, [("a", "f4")])],
    ids=["objects", "mappings", "record of objects", "record"],
)
def test_objects_and_records_are_refused(array: object) -> None:
    with pytest.raises(PackageFileError, match=r"'x\.npy' has a header that is not|'x\.npy' holds values of type 'O'"):
        inspect_npy(saved(array, allow_pickle=True), "x.npy", HERE)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_array_are_refused(data: bytes) -> None:
    with pytest.raises(PackageFileError, match=r"'x\.npy' "):
        inspect_npy(io.BytesIO(b"\x93NUMPY\x01\x00" + data), "x.npy", HERE)


@given(st.integers(1, 31))
def test_an_array_that_is_cut_off_is_refused(missing: int) -> None:
    whole = saved(np.ones(4, "float64")).getvalue()

    with pytest.raises(PackageFileError, match=f"has {len(whole) - missing} bytes, and its header says {len(whole)}"):
        inspect_npy(io.BytesIO(whole[:-missing]), "x.npy", HERE)

"""compare(): every dtype that an output may have, and the agreement about the largest element."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from navcore.domain import Agreement, Tolerance
from navcore.engine.compare import compare

INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
FLOATS = ["float16", "float32", "float64", "longdouble"]
COMPLEX = ["complex64", "complex128"]
SMALL_FLOATS = [
    "bfloat16",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e4m3b11fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
    "float8_e4m3",
    "float8_e3m4",
]
TEXT = ["U", "S", "O"]


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    """A comparison that warns has lost something: an imaginary part, or a digit."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def dtype_of(name: str) -> Any:
    """The dtype of that name; those that NumPy does not have come with ml_dtypes."""
    if hasattr(np, name):
        return np.dtype(name)
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="small floats need ml_dtypes, which comes with onnx")
    return np.dtype(getattr(ml_dtypes, name, None) or pytest.skip(f"this ml_dtypes has no {name}"))


def agreement(expected: Any, got: Any, **options: Any) -> Agreement:
    return compare([{"y": np.asarray(expected)}], [{"y": np.asarray(got)}], **options)


def pair(name: str) -> tuple[Any, Any]:
    """Two arrays of that dtype, which differ at (1, 0)."""
    if name in TEXT:
        texts = [["one", "two"], ["three", ""]], [["one", "two"], ["3", ""]]
        return np.array(texts[0], name), np.array(texts[1], name)
    dtype = np.dtype("bool") if name == "bool" else dtype_of(name)
    one = np.array([[1, 0], [1, 1]]).astype(dtype)
    return one, np.array([[1, 0], [0, 1]]).astype(dtype)


ALL = ["bool", *INTEGERS, *FLOATS, *SMALL_FLOATS, *COMPLEX, *TEXT]


@pytest.mark.parametrize("name", ALL)
def test_equal_arrays_agree_without_error(name: str) -> None:
    array, _ = pair(name)
    found = agreement(array, array.copy())
    (figures,) = found.outputs

    assert found.within
    assert (0.0, 0.0, 0.0, 1.0) == (figures.max_abs, figures.mean_abs, figures.max_rel, figures.equal_rate)
    assert (math.inf, 1.0) == (figures.snr_db, pytest.approx(figures.cosine))


@pytest.mark.parametrize("name", ALL)
def test_one_element_that_differs_is_found_and_placed(name: str) -> None:
    expected, got = pair(name)
    found = agreement(expected, got)

    assert not found.within
    assert 0.75 == found.outputs[0].equal_rate
    assert 1.0 == found.outputs[0].max_abs
    assert "25.00% of the elements" in found.disagreement
    assert "at (1, 0): got" in found.disagreement


@pytest.mark.parametrize("name", ALL)
def test_empty_outputs_agree_and_other_shapes_of_nothing_do_not(name: str) -> None:
    array, _ = pair(name)

    assert agreement(array[:0], array[:0]).within
    assert agreement(array[:, :0], array[:, :0]).within
    assert "shape is [2, 0], expected [0, 2]" in agreement(array[:0], array[:, :0]).disagreement


@pytest.mark.parametrize("name", ALL)
def test_outputs_without_dimensions_are_compared(name: str) -> None:
    expected, got = pair(name)

    assert agreement(
        expected[1, 0].reshape(()) if name != "O" else expected[1:, :1].reshape(()), expected[1:, :1].reshape(())
    ).within
    found = agreement(expected[1:, :1].reshape(()), got[1:, :1].reshape(()))
    assert not found.within
    assert "at (): got" in found.disagreement


@pytest.mark.parametrize("name", INTEGERS)
def test_the_ends_of_an_integers_range_are_compared_without_wrapping(name: str) -> None:
    info = np.iinfo(name)
    low, high = np.array([info.min, info.max], name), np.array([info.max, info.min], name)
    found = agreement(low, high)

    assert not found.within
    assert float(info.max - info.min) == pytest.approx(found.outputs[0].max_abs)
    assert agreement(low, low).within


@pytest.mark.parametrize(("expected", "got"), [("int8", "int64"), ("uint8", "int32"), ("uint32", "uint64")])
def test_another_width_of_integer_is_the_same_kind(expected: str, got: str) -> None:
    values = np.array([0, 1, 100])

    assert agreement(values.astype(expected), values.astype(got)).within
    assert not agreement(values.astype(expected), (values + 1).astype(got)).within


@pytest.mark.parametrize(("expected", "got"), [("float32", "float16"), ("bfloat16", "float32"), ("float64", "float32")])
def test_another_width_of_float_is_the_same_kind(expected: str, got: str) -> None:
    values = np.array([0.5, 1.0, -2.0])

    assert agreement(values.astype(dtype_of(expected)), values.astype(dtype_of(got))).within


KINDS = ["bool", "int64", "float32", "complex64", "U"]


@pytest.mark.parametrize(("expected", "got"), [(one, other) for one in KINDS for other in KINDS if one != other])
def test_another_kind_is_refused_by_name_even_where_the_values_are_equal(expected: str, got: str) -> None:
    ones = np.ones(2)
    found = agreement(ones.astype(expected), ones.astype(got))

    assert not found.within
    assert found.disagreement.endswith(f"dtype is {ones.astype(got).dtype}, expected {ones.astype(expected).dtype}")


@pytest.mark.parametrize("name", [*COMPLEX, "complex32", "bcomplex32"])
def test_an_imaginary_part_that_differs_is_found(name: str) -> None:
    dtype = dtype_of(name)
    expected, got = (np.array([1 + 2j, each]).astype(dtype) for each in (1 + 2j, 1 - 2j))
    found = agreement(expected, got)

    assert agreement(expected, expected).within
    assert not found.within
    assert 4.0 == pytest.approx(found.outputs[0].max_abs)


@pytest.mark.parametrize("name", [*SMALL_FLOATS, *FLOATS])
def test_nan_agrees_with_nan_and_with_nothing_else(name: str) -> None:
    dtype = dtype_of(name)
    special, plain = (np.array(values).astype(dtype) for values in ([1.0, np.nan], [1.0, 1.0]))

    assert agreement(special, special).within
    assert not agreement(special, plain).within
    assert not agreement(plain, special).within
    assert math.inf == agreement(plain, special).outputs[0].max_abs


@pytest.mark.parametrize("name", ["bfloat16", "float8_e5m2", "float8_e4m3", "float16", "float32", "float64"])
def test_infinity_agrees_with_the_same_infinity_alone(name: str) -> None:
    dtype = dtype_of(name)
    special = np.array([np.inf, -np.inf, 1.0]).astype(dtype)

    assert agreement(special, special).within
    assert not agreement(special, -special).within


@pytest.mark.parametrize(
    ("name", "within", "beyond"),
    [
        ("longdouble", 1e-8, 1e-5),
        ("float64", 1e-8, 1e-5),
        ("float32", 1e-5, 1e-2),
        ("float16", 2e-3, 5e-2),
        ("bfloat16", 2e-2, 0.2),
        ("float8_e4m3fn", 0.06, 0.5),
        ("float8_e5m2", 0.1, 0.8),
        ("complex32", 2e-3, 5e-2),
        ("complex64", 1e-5, 1e-2),
        ("complex128", 1e-8, 1e-5),
    ],
)
def test_each_dtype_has_a_tolerance_of_its_own(name: str, within: float, beyond: float) -> None:
    dtype = dtype_of(name)
    expected = np.array([1.0, -1.0]).astype(dtype)
    wide = np.complex128 if "complex" in name else np.float64  # a candidate may say it more exactly than the source

    assert agreement(expected, (expected.astype(wide) * (1 + within))).within
    assert not agreement(expected, (expected.astype(wide) * (1 + beyond))).within


@pytest.mark.parametrize("name", ["int4", "uint4", "int2"])
def test_integers_of_a_few_bits_are_compared_exactly(name: str) -> None:
    dtype = dtype_of(name)
    expected, got = np.array([1, 0, 1]).astype(dtype), np.array([1, 0, 0]).astype(dtype)

    assert agreement(expected, expected).within
    assert not agreement(expected, got).within


@pytest.mark.parametrize(("one", "other"), [("U", "O"), ("O", "U")])
def test_text_in_objects_is_text(one: str, other: str) -> None:
    # ONNX Runtime gives text as objects.
    values = ["a", "bc"]

    assert agreement(np.array(values, one), np.array(values, other)).within
    assert not agreement(np.array(values, one), np.array(["a", "b"], other)).within


def test_text_and_bytes_are_not_the_same() -> None:
    assert not agreement(np.array(["a"]), np.array([b"a"])).within


def test_text_does_not_agree_within_a_tolerance_for_numbers() -> None:
    assert not agreement(np.array(["a"]), np.array(["b"]), tolerance=Tolerance(atol=9, rtol=9)).within
    assert not agreement([True], [False], tolerance=Tolerance(atol=9, rtol=9)).within


def test_signed_and_unsigned_of_64_bits_are_told_apart_exactly() -> None:
    large = 2**62

    assert not agreement(np.int64([large]), np.uint64([large + 1])).within
    assert agreement(np.int64([large]), np.uint64([large])).within
    assert not agreement(np.int64([large]), np.uint64([large + 3]), tolerance=Tolerance(atol=2)).within
    assert agreement(np.int64([large]), np.uint64([large + 3]), tolerance=Tolerance(atol=3)).within


def test_not_only_c_contiguous_arrays_are_compared() -> None:
    array = np.arange(24, dtype=np.float32).reshape(4, 6)
    turned = np.ascontiguousarray(array.T).T

    assert agreement(array, turned).within
    assert agreement(array[::2, ::3], turned[::2, ::3]).within


def top1(expected: Any, got: Any) -> float | None:
    return agreement(expected, got).outputs[0].top1


def rows(*values: list[float]) -> Any:
    return np.array(values, np.float32)


def test_top1_is_the_share_of_rows_whose_largest_element_is_at_the_same_place() -> None:
    expected = rows([1, 2, 3], [3, 2, 1], [1, 3, 2], [9, 0, 0])
    got = rows([0, 0, 1], [9, 8, 7], [5, 4, 3], [1, 0, 0])

    assert 0.75 == top1(expected, got)
    assert 1.0 == top1(expected, expected)


def test_rows_lie_along_the_last_axis() -> None:
    expected = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    got = expected.copy()
    got[0, 0] = -got[0, 0]

    assert 5 / 6 == pytest.approx(top1(expected, got))


@pytest.mark.parametrize(
    "array",
    [np.ones(5, np.float32), np.ones((5, 1), np.float32), np.ones((0, 5), np.float32), np.float32(1)]
    + [np.ones((2, 3), kind) for kind in ("int64", "bool", "complex64", "U1")],
)
def test_where_nothing_is_ranked_there_is_no_top1(array: Any) -> None:
    assert top1(array, array) is None


def test_of_two_largest_elements_either_will_do() -> None:
    assert 1.0 == top1(rows([1, 1, 0]), rows([1, 1.00001, 0]))
    assert 1.0 == top1(rows([1, 1.00001, 0]), rows([1, 1, 0]))
    assert 1.0 == top1(rows([1, 1, 0]), rows([1.00001, 1, 0]))
    assert 0.0 == top1(rows([1, 1, 0]), rows([0, 0, 1]))


def test_rows_with_nan_in_the_reference_rank_nothing_and_nan_elsewhere_is_wrong() -> None:
    assert 1.0 == top1(rows([np.nan, 1, 2]), rows([np.nan, 1, 2]))
    assert 0.5 == top1(rows([0, 1, 2], [0, 1, 2]), rows([0, 1, np.nan], [0, 1, 2]))
    assert 0.0 == top1(rows([0, 1, 2]), rows([np.nan, 1, 2]))


def test_top1_of_a_run_is_that_of_the_worst_sample_and_outlives_those_without() -> None:
    empty, good = {"y": np.zeros((0, 3), np.float32)}, {"y": rows([1, 2, 3])}
    bad = {"y": rows([3, 2, 1])}
    found = compare([good, empty, good, good], [good, empty, bad, good])

    assert 0.0 == found.outputs[0].top1
    assert compare([empty], [empty]).outputs[0].top1 is None
    assert 1.0 == compare([empty, good], [empty, good]).outputs[0].top1


ROWS = hnp.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(2, 4)), elements=st.integers(-3, 3).map(float))


@given(ROWS, st.data())
def test_top1_is_a_share_and_the_same_both_ways(expected: Any, data: st.DataObject) -> None:
    got = data.draw(hnp.arrays(np.float32, expected.shape, elements=st.integers(-3, 3).map(float)))
    share = top1(expected, got)

    assert share is not None
    assert 0.0 <= share <= 1.0
    assert share == top1(got, expected)
    assert 1.0 == top1(expected, expected) == top1(expected, 2 * expected)

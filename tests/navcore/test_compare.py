"""compare(): what agrees, what does not, and what the report says about it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from navcore.domain import Agreement, Tolerance
from navcore.engine.compare import compare
from navcore.errors import OutputMismatchError


def agreement(expected: object, got: object, tolerance: Tolerance | None = None) -> Agreement:
    return compare([{"y": np.asarray(expected)}], [{"y": np.asarray(got)}], tolerance)


def test_equal_outputs_agree_exactly() -> None:
    found = agreement([1.0, -2.0], [1.0, -2.0])

    assert found.within
    (figures,) = found.outputs
    assert (0.0, math.inf, 1.0) == (figures.max_abs, figures.snr_db, figures.equal_rate)
    assert 1.0 == pytest.approx(figures.cosine)


def test_a_difference_outside_the_tolerance_names_output_place_and_values() -> None:
    found = agreement(np.float32([[1, 2], [3, 4]]), np.float32([[1, 2], [3, 5]]))

    assert not found.within
    assert "output 'y' of sample 0: 25.00% of the elements are outside" in found.disagreement
    assert "worst at (1, 1): got 5, expected 4" in found.disagreement


def test_the_batch_size_is_named() -> None:
    expected = [{"y": np.zeros((2, 1))}, {"y": np.zeros((3, 1))}]
    found = compare(expected, [expected[0], {"y": np.ones((3, 1))}], batch_sizes=[2, 3])

    assert (2, 3) == found.batch_sizes
    assert "sample 1 (batch size 3)" in found.disagreement


def test_a_wrong_element_beside_a_zero_reference_is_found() -> None:
    assert not agreement(np.float32([0, 1, 2, 3]), np.float32([0, 9, 9, 9])).within


def test_nan_and_infinity_agree_where_the_reference_has_them() -> None:
    special = np.float32([np.nan, np.inf, -np.inf, 1.0])

    assert agreement(special, special.copy()).within


@pytest.mark.parametrize(
    ("expected", "got"), [(np.nan, 1.0), (1.0, np.nan), (np.inf, -np.inf), (1.0, np.inf), (np.nan, np.inf)]
)
def test_nan_and_infinity_elsewhere_disagree(expected: float, got: float) -> None:
    found = agreement(np.float32([expected, 2.0]), np.float32([got, 2.0]))

    assert not found.within
    assert math.inf == found.outputs[0].max_abs


def test_nothing_broadcasts() -> None:
    assert "shape is [2, 1], expected [2]" in agreement(np.zeros(2), np.zeros((2, 1))).disagreement


def test_another_kind_of_dtype_disagrees() -> None:
    assert "dtype is int64, expected float32" in agreement(np.float32([1]), np.int64([1])).disagreement


def test_integers_do_not_wrap_around() -> None:
    found = agreement(np.uint8([2, 2]), np.uint8([1, 2]))

    assert 1.0 == found.outputs[0].max_abs
    assert 0.5 == found.outputs[0].equal_rate
    assert "50.00% of the elements differ; at (0,): got 1, expected 2" in found.disagreement


def test_large_integers_are_compared_exactly() -> None:
    assert not agreement(np.int64([2**62]), np.int64([2**62 + 1])).within


def test_integers_may_differ_within_a_tolerance_of_the_user() -> None:
    assert agreement(np.int32([100]), np.int32([101]), Tolerance(atol=1)).within
    assert not agreement(np.int32([100]), np.int32([102]), Tolerance(atol=1)).within


def test_booleans_and_strings_are_compared_by_equality() -> None:
    assert agreement([True, False], [True, False]).within
    assert not agreement([True, False], [True, True]).within
    assert agreement(["a", "b"], ["a", "b"]).within
    assert not agreement(["a", "b"], ["a", "c"]).within


def test_empty_and_scalar_outputs_are_compared() -> None:
    assert agreement(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32)).within
    assert agreement(np.float32(2.0), np.float32(2.0)).within
    assert not agreement(np.float32(2.0), np.float32(2.1)).within


def test_complex_outputs_are_compared() -> None:
    assert agreement(np.complex64([1 + 2j]), np.complex64([1 + 2j + 1e-6])).within
    assert not agreement(np.complex64([1 + 2j]), np.complex64([1 - 2j])).within


def test_fp32_tolerance_passes_rounding_and_catches_half_precision() -> None:
    values = np.random.default_rng(0).standard_normal(1000).astype(np.float32)

    assert agreement(values, values * np.float32(1 + 1e-6)).within
    assert not agreement(values, values + np.float32(3e-3) * np.abs(values).max()).within


def test_half_precision_sources_get_their_own_tolerance() -> None:
    values = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    off = values + np.float32(1e-3)

    assert not agreement(values, off).within
    assert agreement(values.astype(np.float16), off.astype(np.float16)).within
    assert compare([{"y": values}], [{"y": off}], precision="fp16").within


def test_a_tolerance_by_name_leaves_the_other_outputs_to_the_default() -> None:
    expected = {"a": np.float32([1.0]), "b": np.float32([1.0])}
    got = {"a": np.float32([1.5]), "b": np.float32([1.0])}

    assert compare([expected], [got], (("a", Tolerance(atol=1.0)),)).within
    assert not compare([expected], [got], (("b", Tolerance(atol=1.0)),)).within


def test_other_names_are_an_error_that_lists_both_sides() -> None:
    with pytest.raises(OutputMismatchError, match="the source gives y; the candidate gives z"):
        compare([{"y": np.zeros(1)}], [{"z": np.zeros(1)}])


def test_one_output_too_many_is_an_error() -> None:
    with pytest.raises(OutputMismatchError, match="the candidate gives y, z"):
        compare([{"y": np.zeros(1)}], [{"y": np.zeros(1), "z": np.zeros(1)}])


def test_great_numbers_do_not_overflow() -> None:
    same = agreement(np.float64([1e200, 2e200]), np.float64([1e200, 2e200]))

    assert 1.0 == pytest.approx(same.outputs[0].cosine)
    assert not agreement(np.float64([1.0]), np.float64([1e200])).within


def test_the_place_of_a_wrong_integer_is_outside_the_tolerance() -> None:
    found = agreement(np.int32([10, 20, 30]), np.int32([11, 20, 99]), Tolerance(atol=5))

    assert (
        "33.33% of the elements differ by more than atol=5, rtol=0; at (2,): got 99, expected 30" in found.disagreement
    )


def test_figures_are_the_worst_over_all_samples() -> None:
    expected = [{"y": np.float64([1.0])}] * 2
    found = compare(expected, [{"y": np.float64([1.5])}, {"y": np.float64([1.25])}])

    assert 0.5 == found.outputs[0].max_abs
    assert 2 == found.samples


FLOATS = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0),
    elements=st.floats(width=32, allow_subnormal=False),
)


@given(FLOATS)
def test_everything_agrees_with_itself(array: np.ndarray) -> None:
    found = agreement(array, array.copy())

    assert found.within
    assert 0.0 == found.outputs[0].max_abs


@given(FLOATS, st.floats(0, 1e3), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_the_verdict_is_that_of_numpy(array: np.ndarray, atol: float, rtol: float, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(scale=atol or 1.0, size=array.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        got = (array + noise).astype(np.float32)
    wide = array.astype(np.float64), got.astype(np.float64)

    with np.errstate(over="ignore", invalid="ignore"):
        expected = bool(np.isclose(wide[1], wide[0], rtol=rtol, atol=atol, equal_nan=True).all())
    assert expected == agreement(array, got, Tolerance(atol=atol, rtol=rtol)).within


@given(hnp.arrays(st.sampled_from([np.uint8, np.int8, np.uint64, np.int64, np.bool_]), hnp.array_shapes()), st.data())
def test_integers_agree_only_where_they_are_equal(array: np.ndarray, data: st.DataObject) -> None:
    other = data.draw(hnp.arrays(array.dtype, array.shape))

    assert bool((array == other).all()) == agreement(array, other).within

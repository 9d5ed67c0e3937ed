"""--inputs: what is read from files and what is generated from shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from navcore.cli.inputs import generate, parse_input, read_inputs
from navcore.errors import DataloaderError, UnknownNameError, UsageError

DTYPES = ("bool", "float16", "float32", "float64", "int8", "int64", "uint8", "uint64")
NAMES = ("batch", "seq", "width", "n")

dimensions = st.one_of(
    st.integers(0, 3).map(str),
    st.sampled_from(NAMES),
)
shapes = st.lists(dimensions, max_size=3)
inputs = st.lists(st.tuples(st.sampled_from(DTYPES), shapes), min_size=1, max_size=4)


def texts_of(chosen: list[tuple[str, list[str]]]) -> list[str]:
    return [f"input_{index}:{dtype}[{','.join(shape)}]" for index, (dtype, shape) in enumerate(chosen)]


@settings(deadline=None, max_examples=50)
@given(inputs, st.integers(0, 3))
def test_equal_names_have_equal_sizes_within_a_sample_and_fixed_sizes_are_kept(
    chosen: list[tuple[str, list[str]]], seed: int
) -> None:
    for sample in read_inputs(texts_of(chosen), None, seed):
        sizes: dict[str, int] = {}
        for (dtype, shape), array in zip(chosen, sample.values(), strict=True):
            assert dtype == array.dtype
            assert len(shape) == array.ndim
            for text, size in zip(shape, array.shape, strict=True):
                assert size == (int(text) if text.isdigit() else sizes.setdefault(text, size))


@settings(deadline=None, max_examples=50)
@given(inputs, st.integers(0, 3))
def test_the_same_seed_gives_the_same_samples(chosen: list[tuple[str, list[str]]], seed: int) -> None:
    first, second = (read_inputs(texts_of(chosen), None, seed) for _ in range(2))

    assert [list(sample) for sample in first] == [list(sample) for sample in second]
    for one, other in zip(first, second, strict=True):
        assert all(np.array_equal(one[name], other[name]) for name in one)


@given(st.integers(1, 9))
def test_no_two_named_dimensions_have_the_same_sizes_in_all_samples(count: int) -> None:
    names = [f"dim_{index}" for index in range(count)]
    samples = read_inputs([f"{name}_:bool[1,{name}]" for name in names], None, 0)
    columns = {tuple(sample[f"{name}_"].shape[1] for sample in samples) for name in names}

    assert count == len(columns)
    assert all(len(set(column)) > 1 for column in columns)


def test_the_batch_is_2_in_the_first_sample_and_varies() -> None:
    samples = read_inputs(["x:float32[batch,3,224,224]"], None, 0)

    assert (2, 3, 224, 224) == samples[0]["x"].shape
    assert {2, 4} <= {sample["x"].shape[0] for sample in samples}


def test_a_named_dimension_takes_8_and_12_or_the_ends_of_its_range() -> None:
    samples = read_inputs(["ids:int64[batch,seq]", "mask:bool[batch,width=5..9]"], None, 0)

    assert {8, 12} == {sample["ids"].shape[1] for sample in samples[:2]}
    assert {5, 9} == {sample["mask"].shape[1] for sample in samples[:2]}


def test_a_range_given_once_holds_wherever_the_name_stands() -> None:
    samples = read_inputs(["ids:int64[batch,seq=3..4]", "mask:bool[batch,seq]"], None, 0)

    assert all(sample["ids"].shape == sample["mask"].shape for sample in samples)


def test_a_batch_range_without_2_is_respected() -> None:
    assert (1, 5) == read_inputs(["x:float32[batch=1..1,5]"], None, 0)[0]["x"].shape
    assert (4, 5) == read_inputs(["x:float32[batch=4..6,5]"], None, 0)[0]["x"].shape


def test_integers_are_below_8_unless_a_range_is_given() -> None:
    sample = generate((parse_input("a:int64[500]"), parse_input("b:int64(-3..1000)[500]")), 1, 0)[0]

    assert (0, 7) == (sample["a"].min(), sample["a"].max())
    assert -3 <= sample["b"].min() < 0
    assert 900 < sample["b"].max() < 1000


def test_floats_take_a_range_too() -> None:
    values = read_inputs(["x:float32(0.5..1.5)[500]"], 1, 0)[0]["x"]

    assert 0.5 <= values.min() < 0.6
    assert 1.4 < values.max() <= 1.5


def test_the_whole_range_of_a_dtype_can_be_asked_for() -> None:
    assert np.dtype("uint8") == read_inputs(["x:uint8(0..256)[9]"], 1, 0)[0]["x"].dtype


def test_an_input_name_may_hold_a_colon() -> None:
    assert "serving:0" == parse_input("serving:0:float32[batch]").name


def test_the_count_is_respected() -> None:
    assert 7 == len(read_inputs(["x:float32[batch,seq=8..64]"], 7, 0))


def test_each_file_is_a_sample(tmp_path: Path) -> None:
    for name, value in (("a", 1.0), ("b", 2.0)):
        np.savez(tmp_path / f"{name}.npz", x=np.full(2, value))
    samples = read_inputs([str(tmp_path / "a.npz"), str(tmp_path / "b.npz")], None, 0)

    assert [1.0, 2.0] == [sample["x"][0] for sample in samples]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "--inputs 'x' is neither a .npz file nor NAME:DTYPE[DIMENSIONS]"),
        ("x:float32", "is neither a .npz file nor"),
        ("x:float32[-1,3]", "'-1' is neither a size, nor NAME, nor NAME=LOW..HIGH"),
        ("x:float32[a,,b]", "'' is neither a size"),
        ("x:float32[seq=9..8]", "'seq=9..8' holds no size\n  fix: write seq=8..9"),
        ("x:int64(5..5)[3]", "no value is at least 5 and below 5"),
        ("x:int8(0..1000)[3]", "the range does not fit int8\n  fix: give whole numbers from -128 to 127"),
        ("x:int8(0.5..2)[3]", "the range does not fit int8"),
        ("x:bool(0..1)[3]", "a bool takes no range"),
    ],
)
def test_a_wrong_shape_is_told_with_an_example(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_input(text)

    assert message in str(caught.value)


def test_an_unknown_dtype_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"no dtype named 'flot32'; known: .*\n  fix: did you mean 'float32'"):
        parse_input("x:flot32[3]")


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["x:bool[3]", "x:bool[4]"], "--inputs gives 'x' twice"),
        (["x:bool[1,n=1..2]", "y:bool[1,n=1..3]"], r"--inputs gives 'n' the sizes \(1, 2\) and \(1, 3\)"),
        (["x:bool[3]", "a.npz"], "'a.npz' is a file and --inputs 'x:bool"),
    ],
)
def test_inputs_that_contradict_each_other_are_refused(texts: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_inputs(texts, None, 0)


def test_a_missing_file_is_told() -> None:
    with pytest.raises(DataloaderError, match=r"--inputs 'nowhere.npz': there is no such file\n  fix: check the path"):
        read_inputs(["nowhere.npz"], None, 0)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 truncated", b"no archive at all"])
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(content)

    with pytest.raises(DataloaderError, match=r"cannot be read as .npz(.|\n)*fix: write it with numpy.savez"):
        read_inputs([str(path)], None, 0)


def test_pickled_objects_in_a_file_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", x=np.array([{}], object))

    with pytest.raises(DataloaderError, match=r"cannot be read as .npz"):
        read_inputs([str(tmp_path / "objects.npz")], None, 0)


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "empty.npz")

    with pytest.raises(DataloaderError, match="holds no arrays"):
        read_inputs([str(tmp_path / "empty.npz")], None, 0)


def test_a_npy_file_under_the_name_of_a_npz_is_told(tmp_path: Path) -> None:
    with (tmp_path / "x.npz").open("wb") as file:
        np.save(file, np.ones(3))

    with pytest.raises(DataloaderError, match=r"cannot be read as .npz: it is a .npy file, (.|\n)*fix: write it with"):
        read_inputs([str(tmp_path / "x.npz")], None, 0)


@pytest.mark.parametrize(
    "text", [f"x:float32[{10**14},4]", f"x:int8[{10**14},{10**14}]", f"x:bool[{','.join('1' * 65)}]"]
)
def test_an_array_that_cannot_be_made_is_told(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"--inputs asks for x: \w+\[.*\], which cannot be made: .*\n  fix: give smaller"
    ):
        read_inputs([text], None, 0)


def test_a_size_beyond_all_numbers_is_told() -> None:
    with pytest.raises(UsageError, match=r"'9{5000}' is neither a size"):
        parse_input(f"x:float32[{'9' * 5000}]")

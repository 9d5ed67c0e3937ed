"""Samples for the command line: read from `.npz` files, or generated from shapes like `x:float32[batch,3,224,224]`."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import attrs
import numpy as np

from navcore.contracts import Array, Tensors
from navcore.errors import DataloaderError, UnknownNameError, UsageError

__all__ = ["Dimension", "InputSpec", "generate", "parse_input", "read_arrays", "read_inputs"]

_DTYPES = (
    *("bool", "float16", "float32", "float64"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
)
_NUMBER = r"-?\d+(?:\.\d+)?"
_SPEC = re.compile(rf"(?P<name>.+):(?P<dtype>\w+)(?:\((?P<low>{_NUMBER})\.\.(?P<high>{_NUMBER})\))?\[(?P<shape>.*)\]")
_DIMENSION = re.compile(r"(?P<name>[^\W\d]\w*)(?:=(?P<low>\d{1,15})(?:\.\.(?P<high>\d{1,15}))?)?|(?P<size>\d{1,15})")
_EXAMPLE = (
    "write NAME:DTYPE[DIMENSIONS] in quotes, for example "
    "'x:float32[batch,3,224,224]' or 'ids:int64(0..1000)[batch,seq=8..64]', or a .npz file"
)
_BATCH_SIZES = (2, 4)
_OTHER_SIZES = (8, 12)


@attrs.frozen
class Dimension:
    """One axis: a fixed size where `name` is empty, else a name and, where it was given, the range of its sizes."""

    name: str
    low: int | None = None
    high: int | None = None


@attrs.frozen
class InputSpec:
    """How to generate one input.

    Attributes:
        name: Name of the input.
        dtype: Name of a NumPy dtype.
        shape: One entry per axis.
        low, high: Values are at least low and below high; None where they were not given.
    """

    name: str
    dtype: str
    shape: tuple[Dimension, ...]
    low: float | None = None
    high: float | None = None


def read_inputs(texts: Iterable[str], count: int | None, seed: int) -> tuple[Tensors, ...]:
    """Return the samples that `--inputs` asks for: one per file, or generated ones.

    Args:
        texts: Paths of `.npz` files, or shapes; not both.
        count: How many to generate; None: as many as it takes to tell the named dimensions apart, three or more.
        seed: Of the generator.

    Raises:
        UsageError: A text is neither, or contradicts another.
        DataloaderError: A file cannot be read.
    """
    given = tuple(texts)
    files = [text for text in given if text.endswith(".npz")]
    if files and len(files) < len(given):
        shape = next(text for text in given if text not in files)
        raise UsageError(
            f"--inputs {files[0]!r} is a file and --inputs {shape!r} is a shape",
            "give files only, one per sample, or shapes only, one per input",
        )
    return tuple(map(read_arrays, files)) if files else generate(tuple(map(parse_input, given)), count, seed)


def parse_input(text: str) -> InputSpec:
    """Return what a text like `ids:int64(0..1000)[batch,seq=8..64]` means.

    Raises:
        UsageError: It is not of that form, or a range is empty or does not fit the dtype.
        UnknownNameError: There is no such dtype.
    """
    match = _SPEC.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"--inputs {text!r} is neither a .npz file nor NAME:DTYPE[DIMENSIONS]", _EXAMPLE)
    if match["dtype"] not in _DTYPES:
        raise UnknownNameError("dtype", match["dtype"], _DTYPES, f"{_EXAMPLE}; other dtypes: save a .npz file")
    shape = tuple(_dimension(part.strip(), text) for part in match["shape"].split(",") if match["shape"].strip())
    low, high = (None if match[end] is None else float(match[end]) for end in ("low", "high"))
    spec = InputSpec(match["name"].strip(), match["dtype"], shape, low, high)
    _check_values(spec, text)
    return spec


def generate(specs: tuple[InputSpec, ...], count: int | None, seed: int) -> tuple[Tensors, ...]:
    """Return samples; a dimension has one size throughout a sample, and no two dimensions vary alike.

    Floats are standard normal, integers from 0 to 7 and bools random, unless a range is given. The first sample has
    a batch of 2 and the longest of the other dimensions.

    Raises:
        UsageError: Two specs contradict each other, or an array is too large.
    """
    twice = sorted({spec.name for spec in specs if [other.name for other in specs].count(spec.name) > 1})
    if twice:
        raise UsageError(f"--inputs gives {twice[0]!r} twice", "give each input one shape")
    ranges = _ranges(specs)
    generator = np.random.default_rng(seed)
    wanted = max(3, _spelt(ranges)) if count is None else count
    sizes = tuple(_sizes(ranges, wanted, generator))
    return tuple({spec.name: _array(spec, _shape(spec, chosen), generator) for spec in specs} for chosen in sizes)


def read_arrays(text: str) -> Tensors:
    """Return the arrays of a `.npz` file by name.

    Raises:
        DataloaderError: There is none, or it cannot be read.
    """
    path = Path(text)
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            raise ValueError("it is a .npy file, which holds one array without a name")
        with loaded as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise DataloaderError(f"--inputs {text!r}: there is no such file", "check the path") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        fix = "write it with numpy.savez(path, input_name=array, ...), arrays of numbers only"
        raise DataloaderError(f"--inputs {text!r} cannot be read as .npz: {error}", fix) from error
    if not arrays:
        raise DataloaderError(f"--inputs {text!r} holds no arrays", "write it with numpy.savez(path, input_name=array)")
    return arrays


def _dimension(part: str, text: str) -> Dimension:
    match = _DIMENSION.fullmatch(part)
    if match is None:
        raise UsageError(f"--inputs {text!r}: {part!r} is neither a size, nor NAME, nor NAME=LOW..HIGH", _EXAMPLE)
    if match["size"]:
        return Dimension("", int(match["size"]), int(match["size"]))
    low = None if match["low"] is None else int(match["low"])
    high = low if match["high"] is None else int(match["high"])
    if low is not None and high is not None and low > high:
        raise UsageError(f"--inputs {text!r}: {part!r} holds no size", f"write {match['name']}={high}..{low}")
    return Dimension(match["name"], low, high)


def _check_values(spec: InputSpec, text: str) -> None:
    if spec.low is None or spec.high is None:
        return
    if spec.dtype == "bool":
        raise UsageError(f"--inputs {text!r}: a bool takes no range", "leave the range out")
    if spec.low >= spec.high:
        raise UsageError(f"--inputs {text!r}: no value is at least {spec.low:g} and below {spec.high:g}", _EXAMPLE)
    if "int" in spec.dtype:
        limits = np.iinfo(spec.dtype)
        whole = spec.low.is_integer() and spec.high.is_integer()
        if not whole or spec.low < limits.min or spec.high - 1 > limits.max:
            fix = f"give whole numbers from {limits.min} to {limits.max}"
            raise UsageError(f"--inputs {text!r}: the range does not fit {spec.dtype}", fix)


def _ranges(specs: Iterable[InputSpec]) -> dict[str, tuple[int, int, bool]]:
    """Return lowest size, highest size and whether it is a batch, by name of the dimension."""
    given: dict[str, tuple[int, int]] = {}
    batches: dict[str, bool] = {}
    for spec in specs:
        for axis, dimension in enumerate(spec.shape):
            name, low, high = dimension.name, dimension.low, dimension.high
            if not name:
                continue
            batches[name] = batches.get(name, False) or axis == 0 or name == "batch"
            if low is None or high is None:
                continue
            if given.setdefault(name, (low, high)) != (low, high):
                fix = "give each name one range, or the dimensions two names"
                raise UsageError(f"--inputs gives {name!r} the sizes {given[name]} and {(low, high)}", fix)
    return {name: (*given.get(name, _BATCH_SIZES if batch else _OTHER_SIZES), batch) for name, batch in batches.items()}


def _sizes(
    ranges: Mapping[str, tuple[int, int, bool]], count: int, generator: np.random.Generator
) -> Iterator[dict[str, int]]:
    """Yield the size of each dimension, sample by sample.

    The first two samples have the two ends of every range. The next ones spell the place of the dimension in binary
    with those ends, so that no two dimensions have the same sizes throughout. Further ones are random.
    """
    for sample in range(count):
        yield {
            name: generator.integers(low, high, endpoint=True).item()
            if sample >= _spelt(ranges)
            else _end(place, sample, low, high, batch)
            for place, (name, (low, high, batch)) in enumerate(ranges.items())
        }


def _spelt(ranges: Mapping[str, tuple[int, int, bool]]) -> int:
    """Return how many samples it takes to tell the dimensions apart."""
    return 2 + max(0, len(ranges) - 1).bit_length()


def _end(place: int, sample: int, low: int, high: int, batch: bool) -> int:
    first, second = (min(max(2, low), high), high) if batch else (high, low)
    return (first, second)[sample if sample < 2 else place >> (sample - 2) & 1]


def _shape(spec: InputSpec, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sizes[dimension.name] if dimension.name else dimension.low or 0 for dimension in spec.shape)


def _array(spec: InputSpec, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    try:
        return _random(spec, shape, generator)
    except (MemoryError, ValueError) as error:  # ValueError: NumPy cannot even count the bytes, or has too few axes
        cause = f"--inputs asks for {spec.name}: {spec.dtype}{list(shape)}, which cannot be made: {error}"
        raise UsageError(cause, "give smaller dimensions, or ranges such as batch=1..8") from error


def _random(spec: InputSpec, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    if spec.dtype == "bool":
        return np.asarray(generator.integers(0, 2, shape), bool)
    if "int" in spec.dtype:
        low, high = (0, 8) if spec.low is None or spec.high is None else (int(spec.low), int(spec.high))
        return np.asarray(generator.integers(low, high, shape, dtype=spec.dtype))
    if spec.low is None or spec.high is None:
        return np.asarray(generator.standard_normal(shape), spec.dtype)
    return np.asarray(generator.uniform(spec.low, spec.high, shape), spec.dtype)

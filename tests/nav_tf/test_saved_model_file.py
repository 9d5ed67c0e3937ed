"""What a SavedModel declares, read without TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from nav_tf.describe import describe
from nav_tf.saved_model_file import read_signature, saved_signature
from nav_tf.wire import WireError, fields
from navcore.domain import Names
from navcore.errors import DataloaderError, ModelFileError

from .conftest import normal


def save(folder: Path, **functions: Any) -> Path:
    module = tf.Module()
    signatures = {name: function.get_concrete_function() for name, function in functions.items()}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder


def taking(*specs: Any) -> Any:
    return tf.function(lambda *tensors: {f"y_{place}": tensor for place, tensor in enumerate(tensors)}, specs)


def test_names_dtypes_and_sizes_that_vary_are_those_that_tensorflow_tells(tmp_path: Path) -> None:
    specs = (tf.TensorSpec([None, None, 3], tf.float32, "x"), tf.TensorSpec([], tf.int64, "count"))
    folder = save(tmp_path / "m", serving_default=taking(*specs))

    assert "count: int64[], x: float32[batch, dim_x_1, 3] -> y_0: float32[batch, dim_y_0_1, 3], y_1: int64[]" == str(
        read_signature(folder)
    )
    assert "batch" == read_signature(folder).batch


def test_the_only_signature_is_taken_and_of_several_serving_default(tmp_path: Path) -> None:
    x = taking(tf.TensorSpec([None], tf.float32, "x"))

    assert "other" == saved_signature(save(tmp_path / "one", other=x))
    assert "serving_default" == saved_signature(save(tmp_path / "two", other=x, serving_default=x))
    with pytest.raises(ModelFileError, match="has the signatures a, b, and none of them is serving_default"):
        read_signature(save(tmp_path / "three", a=x, b=x))
    with pytest.raises(ModelFileError, match="has no signature, not even serving_default"):
        read_signature(save(tmp_path / "four"))


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    texts = save(tmp_path / "texts", f=taking(tf.TensorSpec([None], tf.string, "t")))
    ranks = save(tmp_path / "ranks", f=taking(tf.TensorSpec(None, tf.float32, "x")))
    with pytest.raises(ModelFileError, match=r"'t' of .* holds texts; only numbers"):
        read_signature(texts)
    with pytest.raises(ModelFileError, match=r"'x' of .* does not declare its number of axes"):
        read_signature(ranks)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot be read: No such file"):
        read_signature(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"\x0a\xff\x01no")
    with pytest.raises(ModelFileError, match="is no SavedModel, or truncated: it ends 253 bytes early"):
        read_signature(tmp_path)


@pytest.mark.parametrize("data", [b"\x08", b"\x0b\x00", b"\xff" * 12])
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        list(fields(memoryview(data)))


@pytest.mark.parametrize(
    ("sample", "names", "reason"),
    [
        ({"z": normal(2, 3)}, Names(), "the sample has z, while m takes: x"),
        ((normal(2, 3), normal(2)), Names(), "the sample has 2 arrays, and m takes 1: x"),
        (normal(2, 3).astype("float64"), Names(), "input 'x' is float64"),
        (normal(2, 3), Names(("a",), ()), "but m has names of its own: x"),
    ],
)
def test_samples_that_do_not_fit_are_refused(tmp_path: Path, sample: Any, names: Names, reason: str) -> None:
    folder = save(tmp_path / "m", f=taking(tf.TensorSpec([None, 3], tf.float32, "x")))
    with pytest.raises(DataloaderError, match=reason):
        describe(str(folder), sample, names)

"""Fingerprints change with what a model computes, and Keras models get into workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from nav_tf.describe import describe
from nav_tf.fingerprint import fingerprint
from nav_tf.hand_over import hand_over, take_over
from navcore.contracts import Model, Names
from navcore.domain import Signature
from navcore.formats import Format

from .conftest import affine_module, network_samples, normal


def dense(seed: int, activation: str = "relu") -> Any:
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((3,), name="x"), keras.layers.Dense(2, activation=activation, name="dense")]
    return keras.Sequential(layers, name="net")


class Own(keras.layers.Layer):
    """A class whose code no configuration tells."""

    def call(self, x: Any) -> Any:
        return x * 2


def test_a_keras_model_has_one_that_changes_with_weights_and_structure() -> None:
    first = fingerprint(dense(0))

    assert first is not None
    assert first == fingerprint(dense(0))
    assert 4 == len({first, fingerprint(dense(1)), fingerprint(dense(0, "gelu")), fingerprint(dense(1, "gelu"))})


@pytest.mark.parametrize("name", ["Lambda", "Own", "Activation"])
@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_code_of_the_users_has_none(name: str) -> None:
    layers = keras.layers
    made = {"Lambda": layers.Lambda, "Activation": layers.Activation}
    layer = Own() if name == "Own" else made[name](lambda x: x * 2)

    assert fingerprint(keras.Sequential([keras.Input((3,)), layer])) is None


def test_modules_have_none() -> None:
    assert fingerprint(affine_module()) is None
    assert fingerprint(affine_module().twice) is None


def test_a_folder_has_one_that_changes_with_its_files(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"1")
    first = fingerprint(str(tmp_path))
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "data").write_bytes(b"2")

    assert first != fingerprint(tmp_path)


def live(model: Any, sample: Any) -> Model:
    call = describe(model, sample, Names()).call
    return Model(format=Format.TENSORFLOW, signature=Signature((), ()), object=model, call=call)


def test_a_keras_model_is_read_where_it_was_handed_over(network: Any, tmp_path: Path) -> None:
    model = live(network, network_samples()[0])
    loader = hand_over(model, tmp_path, False)
    received, call = take_over(tmp_path)
    image, extra = network_samples()[0]

    assert "nav_tf.hand_over:take_over" == loader
    assert model.call == call
    np.testing.assert_allclose(network([image, extra])["both"], received([image, extra])["both"], rtol=1e-6)


def test_what_cannot_be_saved_stays(tmp_path: Path) -> None:
    assert hand_over(live(affine_module(), normal(2, 3)), tmp_path, True) is None

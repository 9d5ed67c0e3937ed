"""Small models of TensorFlow, of each kind that is taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import navcore as nav

pytest.importorskip("tensorflow", reason="nav-tf needs TensorFlow: pip install 'nav-tf[cpu]'")

QUICK = nav.OptimizationProfile(max_batch_size=2, window_size=2, max_trials=3)


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="session")
def network() -> Any:
    """Image and features, in an order that is not that of the alphabet; two outputs, by name."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(0)
    image, extra = keras.Input((6, 6, 2), name="image"), keras.Input((4,), name="extra")
    hidden = layers.Flatten()(layers.Conv2D(3, 3, activation="relu")(image))
    outputs = {"logits": layers.Dense(3)(hidden), "both": layers.Concatenate()([layers.Dense(2)(hidden), extra])}
    return keras.Model([image, extra], outputs)


def network_samples() -> list[Any]:
    return [(normal(size, 6, 6, 2), normal(size, 4)) for size in (2, 3)]


def affine_module() -> Any:
    """A tf.Module of `x @ weight`, float32[batch, 3] to float32[batch, 2]."""
    import tensorflow as tf

    class Affine(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weight = tf.Variable(normal(3, 2))

        def __call__(self, x: Any, scale: float = 1.0) -> Any:
            return {"y": tf.matmul(x, self.weight) * scale}

        @tf.function  # type: ignore[untyped-decorator]
        def twice(self, x: Any) -> Any:
            return tf.matmul(x, self.weight) * 2.0

    return Affine()

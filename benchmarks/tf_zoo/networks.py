"""Networks on images, and on several inputs."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from tf_zoo import Loaded

__all__ = ["convnet", "multi"]


def convnet(tiny: bool) -> Loaded:
    """Residual blocks of convolutions with batch normalisation."""
    width, size, blocks = (8, 32, 2) if tiny else (64, 224, 8)
    image = keras.Input((size, size, 3), name="image")
    maps = _activated(layers.Conv2D(width, 7, strides=2, padding="same", use_bias=False)(image))
    maps = layers.MaxPooling2D(3, strides=2, padding="same")(maps)
    for block in range(blocks):
        maps = _residual(maps, width * 2 ** (block * 4 // blocks), narrower=block > 0 and block % 2 == 0)
    outputs = layers.Dense(1000, name="scores")(layers.GlobalAveragePooling2D()(maps))
    return Loaded(
        module=keras.Model(image, outputs),
        samples=[_normal((batch, size, size, 3), batch) for batch in (2, 3)],
        told=f"{blocks} residual blocks of convolutions with batch normalisation, images of {size} x {size}",
    )


def _residual(maps: Any, width: int, narrower: bool) -> Any:
    strides = 2 if narrower else 1
    inner = _activated(layers.Conv2D(width, 3, strides=strides, padding="same", use_bias=False)(maps))
    inner = layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(inner))
    if maps.shape[-1] != width or narrower:
        maps = layers.BatchNormalization()(layers.Conv2D(width, 1, strides=strides, use_bias=False)(maps))
    return layers.ReLU()(layers.Add()([maps, inner]))


def _activated(maps: Any) -> Any:
    return layers.ReLU()(layers.BatchNormalization()(maps))


def multi(tiny: bool) -> Loaded:
    """Numbers and token ids in a dict, a score and hidden values in a dict; exact GELUs."""
    width, words, depth = (16, 30, 2) if tiny else (1024, 20000, 4)
    numbers = keras.Input((32,), name="numbers")
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    mean = layers.GlobalAveragePooling1D()(layers.Embedding(words, width)(tokens))
    hidden = layers.Concatenate()([layers.Dense(width, activation="relu")(numbers), mean])
    for _ in range(depth):
        hidden = layers.Dense(width, activation="gelu")(hidden)
    outputs = {"score": layers.Dense(1, activation="sigmoid")(hidden), "hidden": hidden}
    return Loaded(
        module=keras.Model({"numbers": numbers, "tokens": tokens}, outputs),
        samples=[
            {"numbers": _normal((batch, 32), batch), "tokens": _ids((batch, length), words)}
            for batch, length in ((2, 7), (3, 12))
        ],
        told=f"a feed-forward net with exact GELUs, {width} wide, from a dict of numbers and ids to a dict of two",
    )


def _normal(shape: tuple[int, ...], seed: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _ids(shape: tuple[int, ...], words: int) -> Any:
    return np.random.default_rng(shape[0]).integers(0, words, shape).astype(np.int32)

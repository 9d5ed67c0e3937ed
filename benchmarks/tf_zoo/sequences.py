"""Networks on sequences of any length."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from tf_zoo import Loaded

__all__ = ["lstm", "transformer"]


def transformer(tiny: bool) -> Loaded:
    """Token ids to hidden values, by attention and exact GELUs."""
    width, heads, depth, words, lengths = (16, 2, 2, 30, (6, 9)) if tiny else (256, 4, 4, 20000, (64, 96))
    ids = keras.Input((None,), dtype="int32", name="ids")
    hidden = layers.Embedding(words, width)(ids)
    for _ in range(depth):
        hidden = _block(hidden, width, heads)
    return Loaded(
        module=keras.Model(ids, hidden),
        samples=[_ids((batch, length), words) for batch, length in zip((2, 3), lengths, strict=True)],
        told=f"an encoder of {depth} blocks of attention, {width} wide with exact GELUs, sentences of several lengths",
    )


def _block(hidden: Any, width: int, heads: int) -> Any:
    attended = layers.MultiHeadAttention(heads, width // heads)(hidden, hidden)
    hidden = layers.LayerNormalization()(layers.Add()([hidden, attended]))
    wide = layers.Dense(4 * width, activation="gelu")(hidden)
    return layers.LayerNormalization()(layers.Add()([hidden, layers.Dense(width)(wide)]))


def lstm(tiny: bool) -> Loaded:
    """Steps of numbers to classes, by an LSTM and a GRU."""
    width, lengths = (8, (5, 8)) if tiny else (256, (32, 48))
    steps = keras.Input((None, 16), name="steps")
    hidden = layers.GRU(width)(layers.LSTM(width, return_sequences=True)(steps))
    return Loaded(
        module=keras.Model(steps, layers.Dense(10)(hidden)),
        samples=[
            np.random.default_rng(batch).normal(size=(batch, length, 16)).astype(np.float32)
            for batch, length in zip((2, 3), lengths, strict=True)
        ],
        told=f"an LSTM and a GRU, {width} wide, and a linear layer, sequences of several lengths",
    )


def _ids(shape: tuple[int, ...], words: int) -> Any:
    return np.random.default_rng(shape[0]).integers(0, words, shape).astype(np.int32)

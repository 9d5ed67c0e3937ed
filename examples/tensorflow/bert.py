"""Find the fastest way to run an encoder like BERT, with random weights.

    python examples/tensorflow/bert.py [WORKSPACE]

Two inputs, token ids and a mask, whose batch and length vary; two outputs. It needs nav-tf[cpu]; with nav-onnx,
nav-openvino and the extras `onnx` and `litert` there are more routes.
"""

from __future__ import annotations

import sys
from typing import Any

import keras
import numpy as np

import navcore as nav

layers = keras.layers
VOCABULARY, WIDTH, HEADS, BLOCKS, LONGEST = 1000, 64, 4, 2, 64


class Positions(layers.Layer):
    """Adds what it has learnt of each position."""

    def build(self, shape: Any) -> None:
        """Make the table."""
        self.table = self.add_weight(shape=(LONGEST, shape[-1]), name="table")

    def call(self, x: Any) -> Any:
        """Add the first rows of the table, as many as there are tokens."""
        return x + self.table[: keras.ops.shape(x)[1]]


def block(x: Any, mask: Any) -> Any:
    """Attention among the tokens that the mask lets pass, then two layers for each of them."""
    attended = layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(x, x, attention_mask=mask)
    x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, attended]))
    hidden = layers.Dense(WIDTH)(layers.Dense(4 * WIDTH, activation="gelu")(x))
    return layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, hidden]))


def make_encoder() -> Any:
    """Return the encoder."""
    keras.utils.set_random_seed(0)
    ids = keras.Input((None,), dtype="int32", name="input_ids")
    mask = keras.Input((None,), dtype="int32", name="attention_mask")
    x = Positions()(layers.Embedding(VOCABULARY, WIDTH)(ids))
    for _ in range(BLOCKS):
        x = block(x, keras.ops.cast(mask, "bool")[:, None, :])
    pooled = layers.Dense(WIDTH, activation="tanh")(x[:, 0])
    return keras.Model([ids, mask], {"last_hidden_state": x, "pooler_output": pooled}, name="bert")


def sample(batch: int, length: int) -> dict[str, Any]:
    """Return token ids, the last one of them masked."""
    ids = np.random.default_rng([batch, length]).integers(0, VOCABULARY, (batch, length)).astype(np.int32)
    mask = np.ones((batch, length), np.int32)
    mask[:, -1] = 0
    return {"input_ids": ids, "attention_mask": mask}


def main(workspace: str = "navigator_workspace/bert") -> None:
    """Optimise the encoder, and say what was chosen."""
    package = nav.tensorflow.optimize(
        make_encoder(),
        [sample(2, 16), sample(3, 24)],
        workspace=workspace,
        optimization_profile=nav.OptimizationProfile(batch_sizes=[1, 4], window_size=3, max_trials=3),
        target_device="cpu",
    )
    best = package.get_best_runtime(strategy=nav.MinLatencyStrategy())
    print("shortest latency:", best.trial.route, "on", best.trial.runner)


if __name__ == "__main__":
    main(*sys.argv[1:])

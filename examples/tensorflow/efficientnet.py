"""Find the fastest way to run a network like EfficientNet, with random weights.

    python examples/tensorflow/efficientnet.py [WORKSPACE]

Inverted bottlenecks with squeeze and excitation, on images of 64 x 64. It needs nav-tf[cpu]; with nav-onnx,
nav-openvino and the extras `onnx` and `litert` there are more routes.
"""

from __future__ import annotations

import sys
from typing import Any

import keras
import numpy as np

import navcore as nav

layers = keras.layers
BLOCKS = ((16, 1, 1), (24, 4, 2), (24, 4, 1), (40, 4, 2))
"""Channels, expansion and stride."""


def bottleneck(x: Any, channels: int, expansion: int, stride: int) -> Any:
    """Expand, convolve each channel on its own, weigh the channels, and project; added to the input where it fits."""
    given = x.shape[-1]
    y = layers.Activation("swish")(layers.BatchNormalization()(layers.Conv2D(given * expansion, 1, use_bias=False)(x)))
    y = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(y)
    y = layers.Activation("swish")(layers.BatchNormalization()(y))
    weights = layers.GlobalAveragePooling2D(keepdims=True)(y)
    weights = layers.Conv2D(max(given // 4, 4), 1, activation="swish")(weights)
    y = layers.Multiply()([y, layers.Conv2D(given * expansion, 1, activation="sigmoid")(weights)])
    y = layers.BatchNormalization()(layers.Conv2D(channels, 1, use_bias=False)(y))
    return layers.Add()([x, y]) if stride == 1 and given == channels else y


def make_network(classes: int = 10) -> Any:
    """Return the network."""
    keras.utils.set_random_seed(0)
    image = keras.Input((64, 64, 3), name="image")
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="swish")(image)
    for channels, expansion, stride in BLOCKS:
        x = bottleneck(x, channels, expansion, stride)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(128, 1, activation="swish")(x))
    return keras.Model(image, {"probabilities": layers.Dense(classes, activation="softmax")(x)}, name="efficientnet")


def main(workspace: str = "navigator_workspace/efficientnet") -> None:
    """Optimise the network, and say what was chosen."""
    generator = np.random.default_rng(0)
    samples = [generator.standard_normal((batch, 64, 64, 3)).astype(np.float32) for batch in (2, 3)]
    package = nav.tensorflow.optimize(
        make_network(),
        samples,
        workspace=workspace,
        optimization_profile=nav.OptimizationProfile(batch_sizes=[1, 4], window_size=3, max_trials=3),
        target_device="cpu",
    )
    best = package.get_best_runtime(strategy=nav.MaxThroughputStrategy())
    print("most images per second:", best.trial.route, "on", best.trial.runner)


if __name__ == "__main__":
    main(*sys.argv[1:])

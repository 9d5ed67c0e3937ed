"""Find the fastest way to run a linear layer of Keras.

    python examples/tensorflow/linear.py [WORKSPACE]

It needs nav-tf[cpu]; with nav-onnx and nav-openvino there are more routes.
"""

from __future__ import annotations

import sys

import keras
import numpy as np

import navcore as nav


def main(workspace: str = "navigator_workspace/linear") -> None:
    """Optimise the layer, and run what is fastest on a new sample."""
    model = keras.Sequential([keras.Input((64,), name="x"), keras.layers.Dense(16)])
    generator = np.random.default_rng(0)
    samples = [generator.standard_normal((batch, 64)).astype(np.float32) for batch in (2, 4)]
    package = nav.tensorflow.optimize(
        model,
        samples,
        workspace=workspace,
        optimization_profile=nav.OptimizationProfile(max_batch_size=2, window_size=2, max_trials=3),
        target_device="cpu",
    )
    with package.get_runner() as runner:
        outputs = runner.infer({"x": samples[0]})
    (output,) = outputs.values()
    print("largest difference:", float(abs(output - np.asarray(model(samples[0]))).max()))


if __name__ == "__main__":
    main(*sys.argv[1:])

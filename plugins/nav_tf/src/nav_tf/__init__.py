"""TensorFlow in navcore: `nav.tensorflow.optimize(model, [...])`. Imports TensorFlow on first use only."""

from nav_tf.optimize import optimize

__all__ = ["optimize"]

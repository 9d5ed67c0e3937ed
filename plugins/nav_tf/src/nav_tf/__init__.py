"""TensorFlow in navcore: `nav.tensorflow.optimize(model, [...])`. Imports TensorFlow on first use only."""

from nav_tf.config import TensorFlowConfig
from nav_tf.config_trt import TensorFlowTensorRTConfig
from nav_tf.optimize import optimize

__all__ = ["TensorFlowConfig", "TensorFlowTensorRTConfig", "optimize"]

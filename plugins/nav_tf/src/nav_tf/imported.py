"""What a worker imports ahead in place of `tensorflow`: the same, without its traces in the environment."""

from nav_tf.framework import load_tensorflow

load_tensorflow()

"""What a worker imports ahead in place of `tensorflow`: the same, with the settings of `load_tensorflow`.

A tool names modules to import, not functions to call; so this module does its work as it is imported.
"""

from importlib.util import find_spec

from nav_tf.framework import load_tensorflow

__all__: list[str] = []

if find_spec("tensorflow") is not None:
    load_tensorflow()

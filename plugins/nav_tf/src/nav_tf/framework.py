"""TensorFlow as navcore imports it: late, and without leaving traces in a process that has not asked for it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

from navcore.cpus import usable_cpus, visible_cpus

__all__ = ["load_tensorflow", "on_device"]


def load_tensorflow() -> Any:
    """Return the module `tensorflow`.

    Where nobody has imported it yet, the environment variables that it sets are taken back, GPUs give memory as it is
    needed, where TensorFlow takes all of it by default, and no more threads compute than the control group leaves room
    for. A process that imported it before has its own settings.
    """
    if "tensorflow" in sys.modules:
        return sys.modules["tensorflow"]
    before = dict(os.environ)
    try:
        # Read once, while it loads: its C++ code tells on stderr which instructions the CPU has.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import tensorflow
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
    if usable_cpus() < visible_cpus():
        tensorflow.config.threading.set_intra_op_parallelism_threads(usable_cpus())
    for gpu in tensorflow.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError, ValueError):  # somebody was quicker and uses it
            tensorflow.config.experimental.set_memory_growth(gpu, True)
    return tensorflow


@contextlib.contextmanager
def on_device(name: str) -> Iterator[None]:
    """Place what TensorFlow makes inside the block: `CPU` or `GPU`, the first of its kind."""
    with load_tensorflow().device(f"/{name}:0"):
        yield

"""Prints what a plan takes and gives as JSON: `python -m nav_trt.read_plan PATH`, which may die of the plan."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from nav_trt.engine_file import DTYPES, load_engine
from navcore.errors import NavError

__all__ = ["main", "tensors_of"]


def main(path: str) -> int:
    """Print the answer, or cause and fix, on the last line, and return the exit status."""
    try:
        _runtime, engine = load_engine(Path(path))
        answer: dict[str, Any] = {"tensors": tensors_of(engine)}
    except NavError as error:
        answer = {"cause": error.cause, "fix": error.fix}
    print(json.dumps(answer))
    return int("cause" in answer)


def tensors_of(engine: Any) -> list[dict[str, Any]]:
    """Return name, mode, dtype, shape and, for inputs, the sizes of each axis over all profiles."""
    found = []
    for name in map(engine.get_tensor_name, range(engine.num_io_tensors)):
        mode = engine.get_tensor_mode(name).name.lower()
        ranges: list[list[int]] = []
        if mode == "input":
            profiles = [
                engine.get_tensor_profile_shape(name, place) for place in range(engine.num_optimization_profiles)
            ]
            ranges = [
                [min(low[axis] for low, _, _ in profiles), max(high[axis] for _, _, high in profiles)]
                for axis in range(len(engine.get_tensor_shape(name)))
            ]
        dtype = DTYPES.get(engine.get_tensor_dtype(name).name, "unknown")
        shape = list(engine.get_tensor_shape(name))
        found.append({"name": name, "mode": mode, "dtype": dtype, "shape": shape, "ranges": ranges})
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

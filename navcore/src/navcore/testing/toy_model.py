"""The toy model itself, its formats, and the ways in which its tools can be made to misbehave."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from navcore.contracts import Array
from navcore.domain import Signature, TensorSpec
from navcore.formats import Format, Risk

__all__ = [
    "EDGE_FAULTS",
    "RUNNER_FAULTS",
    "TOY_JSON",
    "TOY_LIVE",
    "TOY_NPZ",
    "TOY_SIGNATURE",
    "ToyModel",
    "toy_result",
    "toy_samples",
    "toy_written",
]

TOY_LIVE = Format("toy-live", live=True)
TOY_NPZ = Format("toy-npz", suffix=".npz", risk=Risk.DATA)
TOY_JSON = Format("toy-json", suffix=".json", risk=Risk.DATA)

TOY_SIGNATURE = Signature(
    (TensorSpec("x", "float32", ("batch", 3)),), (TensorSpec("y", "float32", ("batch", 2)),), batch="batch"
)

RUNNER_FAULTS = (
    "",
    "open-raises",
    "call-raises",
    "wrong",  # every element is 1 too large
    "nan",
    "wrong-shape",  # an axis more
    "renames-output",
    "fixed-batch",  # takes no batch size but that of the first example
    "reuses-buffer",  # writes every result into the same array
    "crashes",  # the process dies of a signal; only for isolated runs
    "hangs",
)
EDGE_FAULTS = (
    "",
    "raises",
    "writes-nothing",
    "wrong",  # the bias is 1 too large
    "renames-output",
    "crashes",
    "hangs",
)


@attrs.define(eq=False)
class ToyModel:
    """A live model.

    Attributes:
        weight, bias: `[[1, 2], [3, 4], [5, 6]]` and `[0.5, -0.5]` unless given.
        calls: Shapes that the model was called with, in order.
    """

    weight: Array = attrs.field(factory=lambda: np.arange(1, 7, dtype=np.float32).reshape(3, 2))
    bias: Array = attrs.field(factory=lambda: np.array([0.5, -0.5], np.float32))
    calls: list[tuple[int, ...]] = attrs.field(factory=list)

    def __call__(self, x: Array) -> Array:
        self.calls.append(x.shape)
        result: Array = x @ self.weight + self.bias
        return result

    def save(self, path: Path) -> None:
        """Write a file in the format `toy-npz` or, where the path ends in `.json`, `toy-json`."""
        if path.suffix == ".json":
            path.write_text(json.dumps({"weight": self.weight.tolist(), "bias": self.bias.tolist()}), encoding="utf-8")
        else:
            np.savez(path, weight=self.weight, bias=self.bias)

    @staticmethod
    def load(path: Path) -> ToyModel:
        """Read what `save` wrote."""
        content: Any = json.loads(path.read_text("utf-8")) if path.suffix == ".json" else np.load(path)
        return ToyModel(np.asarray(content["weight"], np.float32), np.asarray(content["bias"], np.float32))


def toy_samples(count: int = 3, batch: int = 2, seed: int = 0) -> list[Array]:
    """Return samples for a ToyModel: small whole numbers, so that every correct runner gives the same bits."""
    generator = np.random.default_rng(seed)
    return [generator.integers(-8, 8, (batch, 3)).astype(np.float32) for _ in range(count)]


def toy_result(fault: str, result: Array, buffer: dict[str, Array]) -> Array:
    """Return what a runner with this fault gives in place of the right result; `buffer` lives as long as the runner."""
    if fault == "call-raises":
        raise RuntimeError("this toy cannot run")
    _die_or_hang(fault)
    if fault == "reuses-buffer":
        same = buffer.setdefault(str(result.shape), result)
        same[...] = result
        return same
    if fault == "nan":
        return np.full_like(result, np.nan)
    if fault == "wrong-shape":
        return np.asarray(result[..., None])
    return np.asarray(result + 1) if fault == "wrong" else result


def toy_written(fault: str, toy: ToyModel, signature: Signature, out: Path) -> Signature:
    """Write the toy as an edge with this fault does, and return the signature that it claims."""
    if fault == "raises":
        raise RuntimeError("this toy cannot be written")
    _die_or_hang(fault)
    if fault != "writes-nothing":
        ToyModel(toy.weight, toy.bias + 1 if fault == "wrong" else toy.bias).save(out)
    if fault == "renames-output":
        renamed = (attrs.evolve(output, name=f"{output.name}_renamed") for output in signature.outputs)
        return attrs.evolve(signature, outputs=tuple(renamed))
    return signature


def _die_or_hang(fault: str) -> None:
    if fault == "crashes":
        os.kill(os.getpid(), signal.SIGKILL)
    while fault == "hangs":
        time.sleep(1.0)

"""Samples with their reference outputs as .npy files, for scripts that redo a step."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from navcore.contracts import Array, Tensors
from navcore.domain import Signature
from navcore.store.workspace import Workspace

__all__ = ["INPUTS", "OUTPUTS", "write_samples"]

INPUTS = "reproduce/inputs"
OUTPUTS = "reproduce/outputs"


def write_samples(
    workspace: Workspace, signature: Signature, samples: Iterable[tuple[Tensors, Tensors]], most: int = 3
) -> int:
    """Write the first samples, as `{sample}-{place in the signature}.npy`, and return how many there are now.

    Args:
        workspace: Written below `reproduce/`.
        signature: Names the arrays, in order.
        samples: Inputs and reference outputs by name.
        most: How many are written at most.
    """
    count = 0
    for sample, (inputs, outputs) in zip(range(most), samples, strict=False):
        for side, arrays, specs in ((INPUTS, inputs, signature.inputs), (OUTPUTS, outputs, signature.outputs)):
            for place, spec in enumerate(specs):
                _save(workspace.root / side / f"{sample}-{place}.npy", arrays[spec.name])
        count += 1
    return count


def _save(path: Path, array: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    plain = array.astype("U") if array.dtype == object else array  # objects would need pickle; texts do not
    np.save(buffer, plain, allow_pickle=False)
    temporary = path.with_suffix(".new")
    temporary.write_bytes(buffer.getbuffer())
    temporary.replace(path)

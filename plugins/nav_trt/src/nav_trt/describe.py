"""How a plan is called: its signature, as TensorRT tells it, and the sample by input name."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from nav_trt.plan_file import check_plan_file, read_plan_signature
from nav_trt.run_tensorrt import TensorRTRunner
from navcore.contracts import Array, Description, Tensors
from navcore.domain import DeviceKind, Names, Signature
from navcore.errors import DataloaderError
from navcore.naming import check_own

__all__ = ["PlanCall", "describe", "fingerprint", "flatten", "is_plan"]

_SUFFIXES = (".plan", ".engine")


@attrs.frozen
class PlanCall:
    """Everything about calling a plan that its signature does not say: where it is."""

    path: str


def is_plan(model: Any) -> bool:
    """Return whether the model is the path of a plan."""
    return isinstance(model, str | os.PathLike) and os.fsdecode(model).lower().endswith(_SUFFIXES)


def describe(model: Any, sample: Any, names: Names) -> Description:
    """Return the description of a plan.

    Raises:
        ModelFileError: The plan is damaged, or was built by another TensorRT or for another GPU.
        UsageError: It cannot be opened here at all.
        DataloaderError: The sample does not fit, or names were given.
    """
    path = Path(os.fsdecode(model))
    check_plan_file(path)
    state = path.stat()
    signature = _signature(path, state.st_mtime_ns, state.st_size)
    check_own("input_names", names.inputs, signature.input_names, path.name)
    check_own("output_names", names.outputs, signature.output_names, path.name)
    return Description(
        inputs={} if sample is None else flatten(sample, signature, path.name),
        infer=functools.partial(_run_once, path, signature),
        call=PlanCall(str(path)),
        signature=signature,
        reference=TensorRTRunner(),
    )


def fingerprint(model: Any) -> str | None:
    """Return the SHA-256 of a plan; None where it cannot be read."""
    if not is_plan(model):
        return None
    digest = hashlib.sha256()
    try:
        with open(model, "rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()


def flatten(sample: Any, signature: Signature, file: str) -> Tensors:
    """Return copies of the sample's arrays by input name.

    Raises:
        DataloaderError: Names, number, dtypes or ranks do not fit.
    """
    names = signature.input_names
    if isinstance(sample, Mapping):
        given = {str(name): value for name, value in sample.items()}
    else:
        values = tuple(sample) if isinstance(sample, tuple | list) else (sample,)
        given = dict(zip(names, values, strict=False)) if len(values) == len(names) else {}
    if set(given) != set(names):
        got = ", ".join(map(str, sample)) if isinstance(sample, Mapping) else f"{type(sample).__name__}"
        raise DataloaderError(
            f"the sample ({got}) does not have the inputs of {file}: {', '.join(names)}",
            "yield dicts by input name, or tuples in this order",
        )
    return {spec.name: _array(given[spec.name], spec, file) for spec in signature.inputs}


@functools.lru_cache(maxsize=1)  # every sample is described, and opening a plan takes seconds
def _signature(path: Path, _modified_ns: int, _size_bytes: int) -> Signature:
    return read_plan_signature(path)


def _run_once(path: Path, signature: Signature, feeds: Tensors) -> Tensors:
    """Return the outputs; navcore asks a worker with the reference runner instead, unless it is told not to isolate."""
    from navcore.contracts import Model
    from navcore.formats import Format

    model = Model(format=Format.TENSORRT, signature=signature, path=path)
    with TensorRTRunner().open(model, DeviceKind.CUDA) as infer:
        return infer(feeds)


def _array(value: Any, spec: Any, file: str) -> Array:
    array = np.array(value.detach().cpu() if hasattr(value, "detach") else value)
    fits = len(array.shape) == len(spec.shape) and all(
        size == own for size, own in zip(array.shape, spec.shape, strict=True) if isinstance(own, int)
    )
    if array.dtype.name != spec.dtype or not fits:
        raise DataloaderError(
            f"input {spec.name!r} is {array.dtype.name}{list(array.shape)}, and {file} takes {spec}",
            f"cast and shape it in the dataloader: array.astype({spec.dtype!r})",
        )
    return array

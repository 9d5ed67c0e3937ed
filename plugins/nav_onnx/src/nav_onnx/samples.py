"""From a sample of the dataloader to arrays by input name, checked against what the file declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from navcore.contracts import Array, Tensors
from navcore.domain import Signature, TensorSpec
from navcore.errors import DataloaderError, nearest

__all__ = ["flatten"]


def flatten(sample: Any, signature: Signature, file: str) -> Tensors:
    """Return copies of the sample's arrays by input name, in the order of the signature.

    Args:
        sample: A mapping by input name, a tuple or list in input order, or a single array.
        signature: What the file declares.
        file: Its name, for messages.

    Raises:
        DataloaderError: Names, number, dtypes or shapes do not fit.
    """
    values = _by_name(sample, signature, file)
    arrays = {spec.name: _array(values[spec.name], spec.name) for spec in signature.inputs}
    sizes: dict[str, tuple[int, str]] = {}
    for spec in signature.inputs:
        _check_dtype(arrays[spec.name], spec, file)
        _check_shape(arrays[spec.name], spec, file, sizes)
    return arrays


def _by_name(sample: Any, signature: Signature, file: str) -> Mapping[str, Any]:
    names = signature.input_names
    if isinstance(sample, Mapping):
        _check_keys([str(key) for key in sample], names, file)
        return {str(key): value for key, value in sample.items()}
    values = tuple(sample) if isinstance(sample, tuple | list) else (sample,)
    if len(values) != len(names):
        raise DataloaderError(
            f"the sample has {_count(len(values), 'array')}, and {file} takes {_count(len(names), 'input')}: "
            f"{', '.join(names)}",
            "yield the inputs alone (no labels), in this order, or a dict by input name",
        )
    return dict(zip(names, values, strict=True))


def _check_keys(keys: list[str], names: tuple[str, ...], file: str) -> None:
    missing = [name for name in names if name not in keys]
    extra = [key for key in keys if key not in names]
    if not (missing or extra):
        return
    wrong = [f"lacks {', '.join(map(repr, missing))}"] if missing else []
    wrong += [f"has {', '.join(map(repr, extra))}"] if extra else []
    near = {key: nearest(key, missing) for key in extra}
    renames = [f"rename {key!r} to {name!r}" for key, name in near.items() if name]
    raise DataloaderError(
        f"the sample {' and '.join(wrong)}, while {file} takes: {', '.join(names) or 'nothing'}",
        "; ".join(renames) or "yield exactly these names",
    )


def _array(value: Any, name: str) -> Array:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    if not (isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__")):
        raise DataloaderError(
            f"input {name!r} is a {type(value).__name__}, which is no array", "yield NumPy arrays, or tensors"
        )
    try:
        return np.array(value)
    except Exception as error:  # a tensor of a stranger's framework; for example torch.bfloat16 has no NumPy form
        raise DataloaderError(
            f"input {name!r} cannot become a NumPy array: {type(error).__name__}: {error}", "yield NumPy arrays"
        ) from error


def _check_dtype(array: Array, spec: TensorSpec, file: str) -> None:
    if array.dtype.name != spec.dtype:
        raise DataloaderError(
            f"input {spec.name!r} is {array.dtype.name}, and {file} declares {spec}",
            f"cast it in the dataloader: array.astype({spec.dtype!r})",
        )


def _check_shape(array: Array, spec: TensorSpec, file: str, sizes: dict[str, tuple[int, str]]) -> None:
    given = f"input {spec.name!r} has the shape {array.shape}"
    if array.ndim != len(spec.shape):
        added = "add the batch axis: array[None]" if array.ndim == len(spec.shape) - 1 else "reshape it"
        raise DataloaderError(
            f"{given}: {_count(array.ndim, 'axis')}, where {file} declares {len(spec.shape)}: {spec}",
            f"{added} in the dataloader",
        )
    for axis, (size, declared) in enumerate(zip(array.shape, spec.shape, strict=True)):
        if isinstance(declared, str):
            wanted, source = sizes.setdefault(declared, (size, f"input {spec.name!r}"))
        else:
            wanted, source = declared, file
        if size != wanted:
            told = f"{declared!r} is {wanted} in {source}" if isinstance(declared, str) else f"{file} declares {wanted}"
            raise DataloaderError(
                f"{given}: {size} in axis {axis}, where {told}; declared is {spec}",
                f"yield arrays with {wanted} in axis {axis}, or export the model with a dynamic axis there",
            )


def _count(number: int, noun: str) -> str:
    plural = {"axis": "axes"}.get(noun, f"{noun}s")
    return f"{number} {noun if number == 1 else plural}"

"""From a sample of the dataloader to arrays by the input names of a SavedModel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from navcore.contracts import Tensors
from navcore.domain import Signature
from navcore.errors import DataloaderError, nearest

__all__ = ["feeds_of"]


def feeds_of(sample: Any, signature: Signature, folder: str) -> Tensors:
    """Return copies of the sample's arrays by input name, in the order of the signature.

    Args:
        sample: A mapping by input name, a tuple or list in the order of the signature, or a single array.
        signature: What the SavedModel declares.
        folder: Its name, for messages.

    Raises:
        DataloaderError: Names, number, dtypes or numbers of axes do not fit.
    """
    names = signature.input_names
    if isinstance(sample, Mapping):
        _check_keys([str(key) for key in sample], names, folder)
        values = {str(key): value for key, value in sample.items()}
    else:
        given = tuple(sample) if isinstance(sample, tuple | list) else (sample,)
        if len(given) != len(names):
            raise DataloaderError(
                f"the sample has {len(given)} arrays, and {folder} takes {len(names)}: {', '.join(names)}",
                "yield the inputs alone (no labels), in this order, or a dict by input name",
            )
        values = dict(zip(names, given, strict=True))
    arrays = {name: np.array(values[name]) for name in names}
    for spec in signature.inputs:
        array = arrays[spec.name]
        if array.dtype.name != spec.dtype or array.ndim != len(spec.shape):
            raise DataloaderError(
                f"input {spec.name!r} is {array.dtype.name}{list(array.shape)}, and {folder} declares {spec}",
                f"yield arrays of {spec.dtype} with {len(spec.shape)} axes",
            )
    return arrays


def _check_keys(keys: list[str], names: tuple[str, ...], folder: str) -> None:
    if set(keys) == set(names):
        return
    missing = [name for name in names if name not in keys]
    renames = [f"rename {key!r} to {near!r}" for key in keys if key not in names and (near := nearest(key, missing))]
    raise DataloaderError(
        f"the sample has {', '.join(keys) or 'nothing'}, while {folder} takes: {', '.join(names) or 'nothing'}",
        "; ".join(renames) or "yield exactly these names",
    )

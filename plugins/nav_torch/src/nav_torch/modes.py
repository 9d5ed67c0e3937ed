"""under(): a function called under autocast, or in inference mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["DTYPES", "torch_dtype", "under"]

DTYPES = {"bf16": "bfloat16", "fp16": "float16"}
"""Names in torch of the precisions that a module may be lowered to."""


def torch_dtype(precision: str | None) -> Any:
    """Return the torch.dtype of a precision; None for None."""
    import torch

    return None if precision is None else getattr(torch, DTYPES[precision])


def under(function: Callable[..., Any], device: Any, *, autocast: Any = None, inference_mode: bool = False) -> Any:
    """Return the function, called under autocast to a dtype, in inference mode, in both or as it is.

    Args:
        function: What to call.
        device: The torch.device that it runs on.
        autocast: A torch.dtype, or None.
        inference_mode: Whether tensors that it makes can never take part in training.
    """
    import torch

    called = function
    if autocast is not None:
        called = _in_autocast(called, device.type, autocast)
    return torch.inference_mode()(called) if inference_mode else called


def _in_autocast(function: Callable[..., Any], kind: str, dtype: Any) -> Callable[..., Any]:
    import torch

    def called(*arguments: Any, **keywords: Any) -> Any:
        with torch.autocast(kind, dtype=dtype):
            return function(*arguments, **keywords)

    return called

"""converted(): one copy of a module, in another precision, on another device or in another memory layout."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

from navcore.errors import NavError, first_line

__all__ = ["CopyError", "converted", "is_lowerable"]


class CopyError(NavError):
    """A module cannot be copied."""


def converted(module: Any, device: Any, dtype: Any = None, *, channels_last: bool = False) -> Any:
    """Return a copy of the module with converted parameters and buffers; tied ones stay tied.

    Each tensor is converted straight from the user's, and the structure is copied around the results. To copy first
    and convert then, as `copy.deepcopy(module).to(...)` does, needs memory for two copies.

    Args:
        module: The user's; left as it was.
        device: A torch.device.
        dtype: For floating-point parameters and buffers; None: they keep theirs. Integers always do.
        channels_last: Whether tensors of four dimensions are stored with the channels innermost.

    Raises:
        CopyError: The module holds what cannot be copied.
    """
    import torch

    tensors = list(_tensors(module))  # alive until the end: TorchScript makes them anew, and ids are used again
    memo = {id(tensor): _converted_tensor(tensor, device, dtype, channels_last) for tensor in tensors}
    with torch.no_grad():  # what TorchScript copies would have a history
        made = _copied(module, memo)
    if not all(_is_done(tensor, device, dtype) for tensor in itertools.chain(made.parameters(), made.buffers())):
        # TorchScript, subclasses of tensors and modules with a __deepcopy__ of their own do not look into the memo.
        made = made.to(device=device, dtype=dtype)
    _flatten_recurrent_weights(made)
    return made


def _copied(module: Any, memo: dict[int, Any]) -> Any:
    try:
        return copy.deepcopy(module, memo)
    except Exception as error:  # the user's module may hold anything
        raise CopyError(
            f"this runs a copy of the model, and {type(module).__name__} cannot be copied: "
            f"{type(error).__name__}: {first_line(error)}",
            "keep what cannot be copied, such as locks and open files, outside of the module; copy.deepcopy(model) "
            "shows the place",
        ) from error


def is_lowerable(tensor: Any) -> bool:
    """Return whether a cast to bf16 or fp16 means this tensor: 8-bit floats belong to a quantisation."""
    return bool(tensor.is_floating_point()) and tensor.element_size() >= 2


def _tensors(module: Any) -> Iterator[Any]:
    """Yield the tensors to convert: parameters, buffers, and what hooks such as weight_norm compute from them."""
    import torch

    for tensor in itertools.chain(module.parameters(), module.buffers()):
        if type(tensor) in (torch.Tensor, torch.nn.Parameter) and tensor.layout == torch.strided:
            yield tensor
    for part in module.modules():
        # deepcopy refuses a tensor that has a history.
        yield from (value for value in vars(part).values() if type(value) is torch.Tensor and not value.is_leaf)


def _converted_tensor(tensor: Any, device: Any, dtype: Any, channels_last: bool) -> Any:
    import torch

    layout = torch.channels_last if channels_last and tensor.dim() == 4 else torch.preserve_format
    wanted = dtype if dtype is not None and is_lowerable(tensor) else tensor.dtype
    made = tensor.detach().to(device=device, dtype=wanted, copy=True, memory_format=layout)
    if isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(made, requires_grad=tensor.requires_grad)
    return made


def _is_done(tensor: Any, device: Any, dtype: Any) -> bool:
    wanted = dtype is None or tensor.dtype == dtype or not is_lowerable(tensor)
    return wanted and bool(tensor.device.type == device.type)


def _flatten_recurrent_weights(module: Any) -> None:
    """Put the weights of recurrent layers side by side, as cuDNN wants them and `module.to()` does."""
    import torch

    for part in module.modules():
        if isinstance(part, torch.nn.RNNBase):
            part.flatten_parameters()

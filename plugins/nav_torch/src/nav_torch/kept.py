"""What a module holds is put back: buffers with their values, and what its attributes refer to."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import attrs

__all__ = ["contents_kept"]

_TABLES = ("_parameters", "_buffers", "_modules")


@contextmanager
def contents_kept(module: Any) -> Iterator[None]:
    """Run the block, and put back what every submodule held before.

    Buffers get their values back, in the same tensors. Other attributes refer to what they did: a model that makes a
    buffer longer and notes its length in an attribute has both or none. What is changed inside of parameters, lists
    and dicts stays changed.
    """
    parts = [_Part.of(part) for part in module.modules() if not _is_uninitialised(part)]
    try:
        yield
    finally:
        for part in parts:
            part.put_back()


def _is_uninitialised(part: Any) -> bool:
    """Return whether the first call gives the part its tensors, which cannot be undone."""
    import torch

    tensors = (*part._parameters.values(), *part._buffers.values())
    return any(torch.nn.parameter.is_lazy(tensor) for tensor in tensors)


@attrs.frozen(eq=False)
class _Part:
    """One submodule as it was: its tables and attributes, and the values of its buffers."""

    tables: tuple[tuple[MutableMapping[str, Any], dict[str, Any]], ...]
    buffers: tuple[_Buffer, ...]

    @staticmethod
    def of(part: Any) -> _Part:
        """Return the submodule as it is."""
        import torch

        scripted = isinstance(part, torch.jit.ScriptModule)  # its attributes are no Python objects
        tables = [part._buffers] if scripted else [vars(part), *(getattr(part, name) for name in _TABLES)]
        tensors = [tensor for _, tensor in part._buffers.items() if _has_values(tensor)]
        return _Part(tuple((table, dict(table.items())) for table in tables), tuple(map(_Buffer.of, tensors)))

    def put_back(self) -> None:
        """Make the submodule what it was."""
        for table, before in self.tables:
            for name in [name for name in table.keys() if name not in before]:  # noqa: SIM118  # TorchScript's has no iter
                del table[name]
            for name, value in before.items():
                if name not in table or table[name] is not value:
                    table[name] = value
        for buffer in self.buffers:
            buffer.put_back()


@attrs.frozen(eq=False)
class _Buffer:
    """A tensor, its memory and its values."""

    tensor: Any
    memory: Any
    values: Any

    @staticmethod
    def of(tensor: Any) -> _Buffer:
        """Return the tensor as it is."""
        return _Buffer(tensor, tensor.detach(), tensor.detach().clone())

    def put_back(self) -> None:
        """Give the tensor its memory and values back; where nothing has changed, autograd sees no change either."""
        import torch

        with torch.no_grad():
            if not torch.equal(self.memory, self.values):
                self.memory.copy_(self.values)
            if self.tensor.data_ptr() != self.memory.data_ptr() or self.tensor.shape != self.memory.shape:
                self.tensor.data = self.memory


def _has_values(tensor: Any) -> bool:
    import torch

    return type(tensor) is torch.Tensor and tensor.layout == torch.strided and not tensor.is_meta

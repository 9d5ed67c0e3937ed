"""Baked: weights that a compiler has made constants of must stay what they were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from navcore.errors import NavError

__all__ = ["Baked", "BakedWeightsError"]


class BakedWeightsError(NavError):
    """Parameters or buffers have changed since constants were made of them."""


@attrs.frozen(eq=False)
class _Held:
    """A parameter or buffer, where it hangs, and what it was."""

    name: str
    table: Mapping[str, Any]
    key: str
    tensor: Any
    version: int
    address: int

    def changed(self) -> bool:
        """Return whether it was written to, moved or replaced; what is written through `.data` shows nowhere."""
        tensor = self.tensor
        return (
            tensor._version != self.version
            or tensor.data_ptr() != self.address
            or self.table.get(self.key) is not tensor
        )


@attrs.frozen(eq=False)
class Baked:
    """Parameters and buffers of a module as they were.

    torch guards their identity, not their values: it would go on with the old ones and say nothing.
    """

    _held: tuple[_Held, ...]

    @staticmethod
    def of(module: Any) -> Baked:
        """Return them as they are now."""
        return Baked(tuple(_held_by(module)))

    def check(self) -> None:
        """Do nothing while they are the same.

        Raises:
            BakedWeightsError: One has changed.
        """
        for held in self._held:
            if held.changed():
                raise BakedWeightsError(
                    f"{held.name} of the model has changed since it was compiled with freezing, which makes constants "
                    "of parameters and buffers",
                    "close the runner and open it again; or use one without freezing where weights change as it runs",
                )


def _held_by(module: Any) -> list[_Held]:
    return [
        _Held(f"{path}.{key}" if path else key, table, key, tensor, tensor._version, tensor.data_ptr())
        for path, part in module.named_modules()
        for table in (part._parameters, part._buffers)
        for key, tensor in table.items()
        if tensor is not None
    ]

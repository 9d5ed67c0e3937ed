"""Watch: what calls of the user's module were seen to change in it."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from navcore.contracts import Tensors

__all__ = ["State", "Watch"]

_MOST_SAMPLES = 4


@attrs.frozen
class State:
    """What a call leaves in a module for the next one.

    Attributes:
        changed: What a call changes, as `buffer 'layer.n'` and `attribute 'calls'`.
        needed: Those of them that the outputs of a later call depend on.
    """

    changed: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()


@attrs.define(eq=False)
class Watch:
    """What was seen so far; it goes with the call of the module, so that exporters know what the reference has seen.

    Attributes:
        calls: Calls seen.
        changed: What they changed, in the order of the first time.
        samples: Inputs of those that changed something new, four at most.
        state: What was found out about it; None where nobody has asked yet.
    """

    calls: int = 0
    changed: dict[str, None] = attrs.field(factory=dict)
    samples: list[Tensors] = attrs.field(factory=list)
    state: State | None = None

    @property
    def found_nothing(self) -> bool:
        """Whether there were calls, and none of them changed anything."""
        return self.calls > 0 and not self.changed

    def note(self, inputs: Tensors, changed: Iterable[str]) -> None:
        """Note a call: what went in, and what it changed."""
        self.calls += 1
        new = [name for name in changed if name not in self.changed]
        if new:
            self.state = None
            self.changed.update(dict.fromkeys(new))
            if len(self.samples) < _MOST_SAMPLES:
                self.samples.append(inputs)

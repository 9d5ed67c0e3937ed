"""CompiledInfer: an Infer that knows when it compiled, and what that took."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import attrs

from nav_torch.infer import LiveInfer
from navcore.contracts import Tensors

__all__ = ["CompiledInfer", "Graphs"]


@attrs.define
class Graphs:
    """A backend for torch.compile: Inductor, counting the graphs that it is given.

    Attributes:
        options: As torch.compile takes them for Inductor.
        count: Graphs so far.
    """

    options: dict[str, Any]
    count: int = 0

    def backend(self) -> Callable[[Any, Any], Any]:
        """Return the backend, a function, because torch compares backends and an equal one would share its graphs."""

        def counting(graph: Any, inputs: Any) -> Any:
            import torch._inductor

            self.count += 1
            return torch._inductor.compile(graph, inputs, options=self.options)

        return counting


@attrs.define(eq=False)
class CompiledInfer:
    """Runs what torch.compile made, and notes the calls in which it compiled.

    Only what this instance did counts, whatever else is compiled in the process, and nothing private of torch is asked:
    the backend counts graphs, and a call in which their number grew was one that compiled.

    Attributes:
        infer: The Infer around the compiled function.
        graphs: What its backend counts.
        limit: How often torch compiles before it goes on without; None: where the number cannot be told from shapes.
        first_calls: Gives a context manager around calls with shapes that it has not seen.
        check: Called before every call.
    """

    infer: LiveInfer
    graphs: Graphs
    limit: int | None = None
    first_calls: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext
    check: Callable[[], None] | None = None
    _seen: set[tuple[tuple[int, ...], ...]] = attrs.field(factory=set)
    _calls: int = 0
    _seconds: float = 0.0
    _for_shapes: int = 0
    _eager: int = 0

    def __call__(self, feeds: Tensors) -> Tensors:
        outputs: Tensors = self._noted([array.shape for array in feeds.values()], self.infer, feeds)
        return outputs

    def native(self, *tensors: Any) -> dict[str, Any]:
        """Run on these very tensors, and return tensors by name."""
        outputs: dict[str, Any] = self._noted([tensor.shape for tensor in tensors], self.infer.native, *tensors)
        return outputs

    def restart(self) -> None:
        """Put back what the module held when it was opened."""
        self.infer.restart()

    def _noted(self, sizes: list[tuple[int, ...]], call: Callable[..., Any], *given: Any) -> Any:
        if self.check is not None:
            self.check()
        shapes = tuple(sizes)
        if shapes in self._seen:
            return self._counted(call, given, new=False)
        with self.first_calls():
            outputs = self._counted(call, given, new=True)
        self._seen.add(shapes)
        return outputs

    def _counted(self, call: Callable[..., Any], given: tuple[Any, ...], *, new: bool) -> Any:
        before, start = self.graphs.count, time.perf_counter()
        outputs = call(*given)
        if self.graphs.count > before:
            self._seconds += time.perf_counter() - start
            self._for_shapes += new and self._calls > 0
            self._calls += 1
        elif new and self.limit is not None:
            self._eager += self._calls >= self.limit
        return outputs

    def notes(self) -> tuple[str, ...]:
        """Return what was compiled, how long that took, and where torch gave up."""
        if not self._calls:
            return ("nothing was compiled: the model holds nothing that torch.compile takes",) if self._seen else ()
        times = "once" if self._calls == 1 else f"{self._calls} times"
        notes = [f"compiled {times} in {self._seconds:.1f} s{self._recompiles()}{self._pieces()}"]
        if self._eager:
            notes.append(
                f"runs eager, not compiled, for {self._eager} of the shapes: torch compiles {self.limit} times at most"
            )
        return tuple(notes)

    def _recompiles(self) -> str:
        again = self._calls - 1
        if not again:
            return ""
        if self._for_shapes == again:
            return f" ({again} of them {'a recompile' if again == 1 else 'recompiles'} for new shapes)"
        return f" ({again} of them recompiles, {self._for_shapes} for new shapes)"

    def _pieces(self) -> str:
        broken = self.graphs.count > self._calls
        return f", in {self.graphs.count} graphs, because forward breaks into pieces" if broken else ""

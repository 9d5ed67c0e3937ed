"""Fleet: the workers of a run, and candidates that live in them or in this process."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import attrs

from navcore.contracts import Edge, Infer, Model, Runner, Tensors, Tool
from navcore.domain import DeviceKind, Signature
from navcore.engine.capture import captured
from navcore.engine.host import Limits, Worker
from navcore.engine.portable import example_arrays, model_data, signature_from
from navcore.engine.reference import NotPortableError, reference_of
from navcore.engine.timing import LocalTimer

_LONGEST_LOG_BYTES = 4 * 1024 * 1024

HandOver = Callable[[Model, Path], str | None]
"""Writes a live model into a folder and returns `module:function`, which reads it there."""

__all__ = ["Candidate", "Fleet", "HandOver", "LocalCandidate"]


class Candidate(Protocol):
    """An opened model: it runs, and it can be timed where it runs."""

    @property
    def load_s(self) -> float:
        """Seconds that opening took."""
        ...

    def infer(self, feeds: Tensors) -> Tensors:
        """Run once; the outputs are the caller's."""
        ...

    def bind(self, feeds: Tensors) -> None:
        """Time with these inputs from now on."""
        ...

    def block(self, calls: int) -> list[float]:
        """Call once without counting, then so many times; return the time of each in ms."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


@attrs.define(eq=False)
class LocalCandidate:
    """A candidate in this process."""

    load_s: float
    _infer: Infer
    _stack: contextlib.ExitStack
    _timer: LocalTimer

    @staticmethod
    def open(runner: Runner, model: Model, device: DeviceKind) -> LocalCandidate:
        """Open a model here."""
        start = time.perf_counter()
        stack = contextlib.ExitStack()
        infer = stack.enter_context(runner.open(model, device))
        return LocalCandidate(time.perf_counter() - start, infer, stack, LocalTimer(infer))

    @staticmethod
    def reference(runner: Runner, model: Model) -> LocalCandidate:
        """Open a model here, on the CPU."""
        return LocalCandidate.open(runner, model, DeviceKind.CPU)

    def infer(self, feeds: Tensors) -> Tensors:
        """Run once."""
        return self._infer(feeds)

    def bind(self, feeds: Tensors) -> None:
        """Time with these inputs from now on."""
        self._timer.bind(feeds)

    def block(self, calls: int) -> list[float]:
        """Time a block here."""
        return self._timer.block(calls)

    def close(self) -> None:
        """Release everything."""
        self._stack.close()


@attrs.define(eq=False)
class Fleet:
    """Workers by the plugin whose tools they run, so that each imports its framework once.

    Attributes:
        isolate: Whether tools that work on files run in workers; otherwise everything runs in this process.
        origins: Plugin of each tool.
        limits: For each step.
        timeouts_s: Other timeouts by the name of the tool.
        hand_over: How a live model gets into a worker; None: exports run in this process.
        started: Name of each worker that was started, in order: how often a framework was imported.
    """

    isolate: bool
    origins: Mapping[Tool, str]
    limits: Limits
    timeouts_s: Mapping[str, float] = attrs.field(factory=dict)
    hand_over: HandOver | None = None
    started: list[str] = attrs.field(factory=list)
    _handed: tuple[tempfile.TemporaryDirectory[str], str] | None = None
    _workers: dict[str, Worker] = attrs.field(factory=dict)
    _sessions: int = 0

    def write(self, edge: Edge, model: Model, out: Path, log: Path, what: str, *, echo: bool = False) -> Signature:
        """Let an edge write its artifact, in a worker where that can be.

        Raises:
            Exception: What the edge raised; StepFailed where it ran in a worker.
        """
        reference = self._reference(edge, model)
        if reference is None:
            with captured(log, echo=echo):
                return edge.write(model, out)
        message = {
            "do": "write",
            "tool": reference,
            "model": model_data(model),
            "live": self._live(model),
            "out": str(out),
            "log": str(log),
        }
        with _logged(log, echo):
            answer, _ = self.worker(edge).ask(message, example_arrays(model), self.limits_of(edge), what)
        return signature_from(answer["signature"])

    def open(self, runner: Runner, model: Model, device: DeviceKind, log: Path, what: str) -> Candidate:
        """Open a model, in a worker where that can be.

        Raises:
            Exception: What the runner raised; StepFailed where it ran in a worker.
        """
        reference = None if model.format.live else self._reference(runner, model)
        if reference is None:
            return LocalCandidate.open(runner, model, device)
        self._sessions += 1
        candidate = RemoteCandidate(self, runner, reference, model, device, log, what, f"session-{self._sessions}")
        candidate.reopen()
        return candidate

    def worker(self, tool: Tool) -> Worker:
        """Return the running worker of a tool's plugin; a new one where the last has died."""
        name = self.origins.get(tool, tool.name)
        worker = self._workers.get(name)
        if worker is None or not worker.alive:
            if worker is not None:
                worker.kill()
            worker = self._workers[name] = Worker(name)
            self.started.append(name)
            worker.start()
        return worker

    def limits_of(self, tool: Tool) -> Limits:
        """Return the limits of a tool's steps."""
        return attrs.evolve(self.limits, timeout_s=self.timeouts_s.get(tool.name, self.limits.timeout_s))

    def close(self) -> None:
        """End all workers, now."""
        for worker in self._workers.values():
            worker.kill()
        self._workers.clear()
        if self._handed is not None:
            self._handed[0].cleanup()
            self._handed = None

    def _live(self, model: Model) -> dict[str, str] | None:
        """Where a worker finds the live model and who reads it; handed over once for all exports."""
        if not model.format.live or self.hand_over is None:
            return None
        if self._handed is None:
            folder = tempfile.TemporaryDirectory(prefix="navcore-")
            self._handed = folder, self.hand_over(model, Path(folder.name)) or ""
        folder, loader = self._handed
        return {"folder": folder.name, "loader": loader} if loader else None

    def _reference(self, tool: Tool, model: Model) -> dict[str, Any] | None:
        """How the tool travels, or None where it has to work here: on live objects, or if it cannot travel."""
        if not self.isolate or (model.format.live and self._live(model) is None):
            return None
        try:
            return reference_of(tool)
        except NotPortableError:
            return None


@attrs.define(eq=False)
class RemoteCandidate:
    """A candidate in a worker; opened again in a new one where a neighbour has taken the worker down."""

    _fleet: Fleet
    _runner: Runner
    _reference: dict[str, Any]
    _model: Model
    _device: DeviceKind
    _log: Path
    _what: str
    _session: str
    load_s: float = 0.0
    _worker: Worker | None = None
    _feeds: Tensors | None = None

    def reopen(self) -> None:
        """Open the model in the present worker of the runner's plugin, and bind the inputs again."""
        self._worker = self._fleet.worker(self._runner)
        message = {
            "do": "open",
            "tool": self._reference,
            "model": model_data(self._model),
            "device": self._device.value,
        }
        answer, _ = self._ask(message, example_arrays(self._model))
        self.load_s = answer["load_s"]
        if self._feeds is not None:
            self._ask({"do": "bind"}, self._feeds)

    def infer(self, feeds: Tensors) -> Tensors:
        """Run once."""
        self._present()
        return self._ask({"do": "infer"}, feeds)[1]

    def bind(self, feeds: Tensors) -> None:
        """Time with these inputs from now on."""
        self._present()
        self._feeds = feeds
        self._ask({"do": "bind"}, feeds)

    def block(self, calls: int) -> list[float]:
        """Time a block in the worker."""
        self._present()
        times: list[float] = self._ask({"do": "block", "calls": calls}, None)[0]["calls_ms"]
        return times

    def close(self) -> None:
        """Close the model if its worker is still there."""
        if self._worker is not None and self._worker.alive:
            self._ask({"do": "close"}, None)

    def _present(self) -> None:
        if self._worker is None or not self._worker.alive:
            self.reopen()

    def _ask(self, message: dict[str, Any], arrays: Tensors | None) -> tuple[dict[str, Any], dict[str, Any]]:
        assert self._worker is not None
        told = {**message, "session": self._session, "log": str(self._log)}
        try:
            return self._worker.ask(told, arrays, self._fleet.limits_of(self._runner), self._what)
        finally:
            if message["do"] != "block":  # not between timed blocks
                _cut(self._log)


@contextlib.contextmanager
def _logged(log: Path, echo: bool) -> Iterator[None]:
    """Show what a worker wrote into the log, once it is done, and cut a log that has become too long."""
    start = log.stat().st_size if log.exists() else 0
    try:
        yield
    finally:
        if log.exists():
            if echo:
                with log.open("rb") as file:
                    file.seek(start)
                    sys.stderr.write(file.read(_LONGEST_LOG_BYTES).decode("utf-8", "replace"))
            _cut(log)


def _cut(log: Path) -> None:
    size = log.stat().st_size if log.exists() else 0
    if size <= _LONGEST_LOG_BYTES:
        return
    half = _LONGEST_LOG_BYTES // 2
    with log.open("rb") as file:
        head = file.read(half)
        file.seek(-half, 2)
        tail = file.read()
    log.write_bytes(head + f"\n... {size - 2 * half} bytes are left out here ...\n".encode() + tail)

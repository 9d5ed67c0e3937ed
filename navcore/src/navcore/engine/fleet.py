"""Fleet: the workers of a run, and candidates that live in them or in this process."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from navcore.contracts import Edge, Model, Runner, Tool
from navcore.domain import DeviceKind, Failure, Signature
from navcore.engine.candidate import LONGEST_LOG_BYTES, Candidate, LocalCandidate, RemoteCandidate, cut
from navcore.engine.capture import captured
from navcore.engine.failures import StepFailed
from navcore.engine.host import Limits, Worker
from navcore.engine.portable import example_arrays, model_data, signature_from
from navcore.engine.reference import NotPortableError, reference_of

_LOGGER = logging.getLogger(__name__)

HandOver = Callable[[Model, Path], str | None]
"""Writes a live model into a folder and returns `module:function`, which reads it there."""

__all__ = ["Fleet", "HandOver"]


@attrs.define(eq=False)
class Fleet:
    """Workers by the plugin whose tools they run, so that each imports its framework once.

    Attributes:
        isolate: Whether tools that work on files run in workers; otherwise everything runs in this process.
        origins: Plugin of each tool.
        limits: For each step.
        timeouts_s: Other timeouts by the name of the tool.
        hand_over: How a live model gets into a worker; None: it stays in this process.
        exports: Whether exports run in a worker, where the model can be handed over.
        scratch: Folder in which it is handed over; None: the system's for temporary files.
        variants: Plugin of each tool that is a variant of a registered one.
        started: Name of each worker that was started, in order: how often a framework was imported.
    """

    isolate: bool
    origins: Mapping[Tool, str]
    limits: Limits
    timeouts_s: Mapping[str, float] = attrs.field(factory=dict)
    hand_over: HandOver | None = None
    exports: bool = True
    scratch: Path | None = None
    variants: dict[Tool, str] = attrs.field(factory=dict)
    started: list[str] = attrs.field(factory=list)
    _handed: tuple[tempfile.TemporaryDirectory[str], str] | None = None
    _workers: dict[str, Worker] = attrs.field(factory=dict)
    _imports: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    _starting: dict[str, threading.Thread] = attrs.field(factory=dict)
    _sessions: int = 0

    def prepare(self, tools: Iterable[Tool]) -> None:
        """Start the workers of tools that will run in them, and let them import what these need, meanwhile."""
        if not self.isolate:
            return
        needed: dict[str, dict[str, None]] = {}
        for tool in tools:
            needed.setdefault(self.origins.get(tool, tool.name), {}).update(dict.fromkeys(tool.imports))
        for name, modules in needed.items():
            self._imports[name] = tuple(dict.fromkeys((*self._imports.get(name, ()), *modules)))
            if name in self._workers:  # it may be at work, so it is told before it is asked for the next thing
                continue
            worker = self._workers[name] = Worker(name)
            try:
                worker.spawn()
            except OSError as error:
                _LOGGER.debug("the worker of %s cannot be started ahead: %s", name, error)
                del self._workers[name]
                continue
            self.started.append(name)
            thread = threading.Thread(target=self._greet, args=(name, worker), daemon=True)
            self._starting[name] = thread
            thread.start()

    def write(self, edge: Edge, model: Model, out: Path, log: Path, what: str, *, echo: bool = False) -> Signature:
        """Let an edge write its artifact, in a worker where that can be.

        Raises:
            Exception: What the edge raised; StepFailed where it ran in a worker.
        """
        reference = self._reference(edge, model) if self.exports or not model.format.live else None
        if reference is None:
            try:
                with captured(log, echo=echo):
                    return edge.write(model, out)
            finally:
                gc.collect()  # what a framework leaves in cycles may be as large as the model
        message = {
            "do": "write",
            "tool": reference,
            "model": model_data(model, self._live(edge, model)),
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
        apart = not model.format.live or (self.isolate and self.hand_over is not None and runner.apart(model))
        reference = self._reference(runner, model) if apart else None
        if reference is None and apart and model.format.live:
            raise StepFailed(_no_room_for(runner))
        if reference is None:
            return LocalCandidate.open(runner, model, device)
        self._sessions += 1
        session, live = f"session-{self._sessions}", self._live(runner, model)
        candidate = RemoteCandidate(self, runner, reference, model, device, log, what, session, live)
        candidate.reopen()
        return candidate

    def worker(self, tool: Tool) -> Worker:
        """Return the running worker of a tool's plugin; a new one where the last has died."""
        name = self.variants.get(tool) or self.origins.get(tool, tool.name)
        if starting := self._starting.pop(name, None):
            starting.join()
        worker = self._workers.get(name)
        if worker is not None and worker.alive:
            self._import(name, worker)
        if worker is None or not worker.alive:
            worker = self._anew(name)
        if not worker.alive:  # of its imports, which are left to the tools from now on
            worker = self._anew(name)
        return worker

    def processes(self) -> tuple[int, ...]:
        """Return the process ids of this process and of all that the workers have."""
        return os.getpid(), *(pid for worker in self._workers.values() for pid in worker.processes())

    def adopt(self, tool: Tool, like: Tool) -> None:
        """Let a variant of a tool run where the tool does."""
        self.variants[tool] = self.origins.get(like, like.name)

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
            with contextlib.suppress(OSError):
                if self.scratch is not None:
                    self.scratch.rmdir()

    def _anew(self, name: str) -> Worker:
        """Start a worker in place of one that has died, and let it import what is needed."""
        if dead := self._workers.get(name):
            dead.kill()
        worker = self._workers[name] = Worker(name)
        self.started.append(name)
        worker.start()
        self._import(name, worker)
        return worker

    def _greet(self, name: str, worker: Worker) -> None:
        with contextlib.suppress(StepFailed, ValueError):  # one that did not start is started again when it is needed
            worker.greet()
            self._import(name, worker)

    def _import(self, name: str, worker: Worker) -> None:
        """Let a worker import what its plugin's tools need, so that a framework counts for none of them."""
        modules = self._imports.get(name, ())
        if worker.imports == modules:
            return
        try:
            worker.prepare(modules)
        except StepFailed as error:
            _LOGGER.debug("the worker of %s did not survive its imports: %s", name, error)
            self._imports[name] = ()

    def _arrives(self, edge: Tool, folder: str, loader: str) -> bool:
        """Whether a worker can read what was handed over."""
        message = {"do": "receive", "live": {"folder": folder, "loader": loader}}
        try:
            self.worker(edge).ask(message, None, self.limits, "reading the model that was handed over")
        except StepFailed as error:
            _LOGGER.debug("a worker cannot read the model, so it stays in this process: %s", error)
            return False
        return True

    def _live(self, edge: Tool, model: Model) -> dict[str, str] | None:
        """Where a worker finds the live model and who reads it; handed over once for all that need it."""
        if not model.format.live or self.hand_over is None:
            return None
        if self._handed is None:
            if self.scratch is not None:
                self.scratch.mkdir(exist_ok=True)
            folder = tempfile.TemporaryDirectory(prefix="model-", dir=self.scratch, ignore_cleanup_errors=True)
            loader = self.hand_over(model, Path(folder.name)) or ""
            if not loader or not self._arrives(edge, folder.name, loader):
                loader = ""
                folder.cleanup()  # it may be large
            self._handed = folder, loader
        folder, loader = self._handed
        return {"folder": folder.name, "loader": loader} if loader else None

    def _reference(self, tool: Tool, model: Model) -> dict[str, Any] | None:
        """How the tool travels, or None where it has to work here: its model or itself cannot travel."""
        if not self.isolate or (model.format.live and self._live(tool, model) is None):
            return None
        try:
            return reference_of(tool)
        except NotPortableError:
            return None


def _no_room_for(runner: Runner) -> Failure:
    return Failure(
        "unsuited",
        f"{runner.name} makes a copy of the model, which is too large for two in this process, and no worker can have "
        "the model",
        "make the model picklable, of classes in modules that can be imported; the log at level DEBUG says what fails",
    )


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
                    sys.stderr.write(file.read(LONGEST_LOG_BYTES).decode("utf-8", "replace"))
            cut(log)

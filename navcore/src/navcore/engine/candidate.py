"""Candidates: opened models that run and can be timed, in this process or in a worker."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from navcore.contracts import Infer, Model, Runner, Tensors
from navcore.domain import DeviceKind
from navcore.engine.host import Worker
from navcore.engine.portable import example_arrays, model_data
from navcore.engine.serve import Served, call_together
from navcore.engine.timing import Block, LocalTimer, restarted
from navcore.engine.usage import Meter, Usage, runtime_notes

if TYPE_CHECKING:
    from navcore.engine.fleet import Fleet

__all__ = ["LONGEST_LOG_BYTES", "Candidate", "LocalCandidate", "RemoteCandidate", "cut"]

LONGEST_LOG_BYTES = 4 * 1024 * 1024


class Candidate(Protocol):
    """An opened model: it runs, and it can be timed where it runs."""

    @property
    def load_s(self) -> float:
        """Seconds that opening took."""
        ...

    def infer(self, feeds: Tensors) -> Tensors:
        """Run once, from what the model was when it was opened; the outputs are the caller's."""
        ...

    def bind(self, feeds: Tensors) -> None:
        """Time with these inputs from now on."""
        ...

    def block(self, block: Block) -> list[float]:
        """Time a block; return the mean time per call of each sample in ms."""
        ...

    def usage(self) -> Usage:
        """Return what it took; memory counts until the first time that this is asked."""
        ...

    def serve(self, partners: Sequence[Any], in_flight: int, seconds: float) -> Served:
        """Keep so many calls in flight on this instance and its partners, with the inputs that are bound."""
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
    _meter: Meter

    @staticmethod
    def open(runner: Runner, model: Model, device: DeviceKind) -> LocalCandidate:
        """Open a model here."""
        meter = Meter()
        meter.start()
        start = time.perf_counter()
        stack = contextlib.ExitStack()
        try:
            infer = stack.enter_context(runner.open(model, device))
            return LocalCandidate(time.perf_counter() - start, infer, stack, LocalTimer(infer), meter)
        except BaseException:  # also Ctrl-C: an open runner holds the user's module
            with contextlib.suppress(Exception, SystemExit):  # a stranger's runtime may raise anything
                stack.close()
            raise

    @staticmethod
    def reference(runner: Runner, model: Model) -> LocalCandidate:
        """Open a model here, on the CPU."""
        return LocalCandidate.open(runner, model, DeviceKind.CPU)

    def infer(self, feeds: Tensors) -> Tensors:
        """Run once, from what the model was when it was opened."""
        with restarted(self._infer):
            return self._infer(feeds)

    def bind(self, feeds: Tensors) -> None:
        """Time with these inputs from now on."""
        self._timer.bind(feeds)

    def block(self, block: Block) -> list[float]:
        """Time a block here."""
        with self._meter.timed():
            return self._timer.block(block)

    def usage(self) -> Usage:
        """Return what it took."""
        self._meter.stop()
        return attrs.evolve(self._meter.usage(), notes=runtime_notes(self._infer))

    def serve(self, partners: Sequence[LocalCandidate], in_flight: int, seconds: float) -> Served:
        """Keep calls in flight here."""
        instances = [self._infer, *(partner._infer for partner in partners)]
        with restarted(self._infer):
            return call_together(instances, self._timer.feeds, in_flight, seconds)

    def close(self) -> None:
        """Release everything."""
        self._stack.close()


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
    _live: dict[str, str] | None = None
    load_s: float = 0.0
    _worker: Worker | None = None
    _feeds: Tensors | None = None

    def reopen(self) -> None:
        """Open the model in the present worker of the runner's plugin, and bind the inputs again."""
        worker = self._fleet.worker(self._runner)
        message = {
            "do": "open",
            "tool": self._reference,
            "model": model_data(self._model, self._live),
            "device": self._device.value,
        }
        answer, _ = self._ask(message, example_arrays(self._model), worker)
        self._worker = worker
        self.load_s = answer["load_s"]
        if self._feeds is not None:
            self._ask({"do": "bind"}, self._feeds)

    def infer(self, feeds: Tensors) -> Tensors:
        """Run once, from what the model was when it was opened."""
        self._present()
        return self._ask({"do": "infer"}, feeds)[1]

    def bind(self, feeds: Tensors) -> None:
        """Time with these inputs from now on."""
        self._present()
        self._feeds = feeds
        self._ask({"do": "bind"}, feeds)

    def block(self, block: Block) -> list[float]:
        """Time a block in the worker."""
        self._present()
        message = {"do": "block", "block": [block.samples, block.calls, block.lead]}
        times: list[float] = self._ask(message, None)[0]["samples_ms"]
        return times

    def usage(self) -> Usage:
        """Return what it took in its present worker; nothing is known where that is gone."""
        if self._worker is None or not self._worker.alive:
            return Usage()
        told = self._ask({"do": "usage"}, None)[0]
        return Usage(**{**told, "notes": tuple(told["notes"])})

    def serve(self, partners: Sequence[RemoteCandidate], in_flight: int, seconds: float) -> Served:
        """Keep calls in flight in the worker, which the partners are in as well."""
        self._present()
        sessions = [self._session, *(partner._session for partner in partners)]
        message = {"do": "load", "sessions": sessions, "in_flight": in_flight, "seconds": seconds}
        answer, _ = self._ask(message, None)
        return Served(answer["calls_per_s"], tuple(answer["calls_ms"]))

    def close(self) -> None:
        """Close the model if its worker is still there."""
        if self._worker is not None and self._worker.alive:
            self._ask({"do": "close"}, None)

    def _present(self) -> None:
        if self._worker is None or not self._worker.alive:
            self.reopen()

    def _ask(
        self, message: dict[str, Any], arrays: Tensors | None, worker: Worker | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        asked = worker or self._worker
        assert asked is not None
        told = {**message, "session": self._session, "log": str(self._log)}
        try:
            return asked.ask(told, arrays, self._fleet.limits_of(self._runner), self._what)
        finally:
            if message["do"] != "block":  # not between timed blocks
                cut(self._log)


def cut(log: Path) -> None:
    """Leave the beginning and the end of a log that has become too long."""
    size = log.stat().st_size if log.exists() else 0
    if size <= LONGEST_LOG_BYTES:
        return
    half = LONGEST_LOG_BYTES // 2
    with log.open("rb") as file:
        head = file.read(half)
        file.seek(-half, 2)
        tail = file.read()
    log.write_bytes(head + f"\n... {size - 2 * half} bytes are left out here ...\n".encode() + tail)

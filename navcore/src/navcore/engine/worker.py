"""A worker process: does what the engine asks, one message after the other.

    python -m navcore.engine.worker REQUESTS REPLIES LIFELINE      numbers of three inherited pipe ends

What tools print goes into the log of the step, also from C. The worker and everything that it starts form a session
of their own; once the lifeline is cut, because the engine ended the worker or died itself, all of it is killed.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

__all__ = ["LOST_CONNECTION", "main"]

LOST_CONNECTION = 71
"""Exit status of a worker that cannot answer."""


def main(requests: int, replies: int, lifeline: int) -> None:
    """Answer until the engine hangs up."""
    _guard(lifeline, requests, replies)
    _be_first_to_go()
    from navcore.engine import wire

    with os.fdopen(requests, "rb") as incoming, os.fdopen(replies, "wb") as outgoing:
        desk = _Desk()
        while True:
            try:
                message, arrays = wire.receive(incoming)
            except EOFError:
                return
            with _printing_into(message.get("log")):
                answer, results = desk.answer(message, arrays)
            _reply(outgoing, answer, results)


def _reply(outgoing: Any, answer: dict[str, Any], results: dict[str, Any]) -> None:
    from navcore.engine import wire

    try:
        try:
            wire.send(outgoing, answer, results)
        except (TypeError, ValueError) as error:  # not arrays that can be sent; nothing has been written yet
            told = {"kind": "exception", "reason": f"the outputs cannot be sent: {error}", "fix": ""}
            wire.send(outgoing, {"failure": told})
    except OSError:
        os._exit(LOST_CONNECTION)  # a tool has closed it


def _guard(lifeline: int, *others: int) -> None:
    """Leave a process that waits for the lifeline to be cut and then kills the whole group.

    A thread would not do: a tool that holds the GIL in an endless loop would hold it up, and what a tool has forked
    would outlive it. Forking is safe here, before any thread and any framework.
    """
    if os.fork():
        os.close(lifeline)
        return
    for number in (0, 1, 2, *others):
        with contextlib.suppress(OSError):
            os.close(number)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


def _be_first_to_go() -> None:
    """Ask the kernel to kill this process before the user's when memory runs out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the engine, which then ends the workers
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


@contextlib.contextmanager
def _printing_into(log: str | None) -> Iterator[None]:
    """Point file descriptors 1 and 2 at the step's log, so that C code prints there as well."""
    if log:
        os.makedirs(os.path.dirname(log), exist_ok=True)
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for number in (1, 2):
            os.dup2(target, number)
        os.close(target)
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):  # a tool may have closed them
            sys.stdout.flush()
            sys.stderr.flush()


Answer = tuple[dict[str, Any], dict[str, Any]]
"""What goes back: a message and arrays."""


@attrs.define
class _Desk:
    """What the worker holds: opened models with their meters, and inputs that are timed."""

    opened: dict[str, tuple[contextlib.ExitStack, Any]] = attrs.field(factory=dict)
    meters: dict[str, Any] = attrs.field(factory=dict)
    bound: dict[str, Any] = attrs.field(factory=dict)

    def answer(self, message: dict[str, Any], arrays: dict[str, Any]) -> Answer:
        """Do one thing; whatever it raises becomes part of the answer."""
        from navcore.engine.failures import failure_from
        from navcore.errors import any_failure

        try:
            do: Callable[[dict[str, Any], dict[str, Any]], Answer] = getattr(self, f"_{message['do']}")
            return do(message, arrays)
        except any_failure() as error:  # a stranger's tool may raise anything
            failure = failure_from(error, sys.stderr, "")
            told = {"kind": failure.kind, "reason": failure.reason, "fix": failure.fix}
            return {"failure": told}, {}

    def _hello(self, message: dict[str, Any], _: dict[str, Any]) -> Answer:
        sys.path[:] = message["path"]
        return {"pid": os.getpid()}, {}

    def _prepare(self, message: dict[str, Any], _: dict[str, Any]) -> Answer:
        import importlib

        for module in message["imports"]:
            with contextlib.suppress(Exception, SystemExit):  # the tool that needs it will say what is wrong
                importlib.import_module(module)
        return {}, {}

    def _receive(self, message: dict[str, Any], _: dict[str, Any]) -> Answer:
        from navcore.engine.reference import load

        load(message["live"]["loader"])(Path(message["live"]["folder"]))
        return {}, {}

    def _write(self, message: dict[str, Any], arrays: dict[str, Any]) -> Answer:
        from navcore.domain import Signature
        from navcore.engine.portable import model_from, signature_data
        from navcore.engine.reference import tool_from

        tool: Any = tool_from(message["tool"])
        try:
            signature = tool.write(model_from(message["model"], arrays), Path(message["out"]))
        finally:
            gc.collect()  # what a framework leaves in cycles may be as large as the model
        if not isinstance(signature, Signature):
            raise TypeError(f"the tool returned {type(signature).__name__}, not a Signature")
        return {"signature": signature_data(signature)}, {}

    def _open(self, message: dict[str, Any], arrays: dict[str, Any]) -> Answer:
        from navcore.domain import DeviceKind
        from navcore.engine.portable import model_from
        from navcore.engine.reference import tool_from
        from navcore.engine.usage import Meter

        meter = self.meters[message["session"]] = Meter()
        meter.start()
        start = time.perf_counter()
        runner: Any = tool_from(message["tool"])
        stack = contextlib.ExitStack()
        infer = stack.enter_context(runner.open(model_from(message["model"], arrays), DeviceKind(message["device"])))
        self.opened[message["session"]] = stack, infer
        return {"load_s": time.perf_counter() - start}, {}

    def _infer(self, message: dict[str, Any], arrays: dict[str, Any]) -> Answer:
        from navcore.engine.timing import restarted

        infer = self.opened[message["session"]][1]
        with restarted(infer):
            start = time.perf_counter()
            outputs = infer(arrays)
            call_s = time.perf_counter() - start
        return {"call_s": call_s}, dict(outputs)

    def _bind(self, message: dict[str, Any], arrays: dict[str, Any]) -> Answer:
        self.bound[message["session"]] = arrays
        return {}, {}

    def _block(self, message: dict[str, Any], _: dict[str, Any]) -> Answer:
        from navcore.engine.timing import Block, time_calls

        session = message["session"]
        infer, feeds = self.opened[session][1], self.bound[session]
        with self.meters[session].timed():
            times = time_calls(infer, feeds, Block(*message["block"]), time.perf_counter_ns)
        return {"samples_ms": times}, {}

    def _usage(self, message: dict[str, Any], _: dict[str, Any]) -> Answer:
        from navcore.engine.usage import runtime_notes

        meter = self.meters[message["session"]]
        meter.stop()
        notes = runtime_notes(self.opened[message["session"]][1])
        return attrs.asdict(attrs.evolve(meter.usage(), notes=notes)), {}

    def _load(self, message: dict[str, Any], _: dict[str, Any]) -> Answer:
        from navcore.engine.serve import call_together

        instances = [self.opened[session][1] for session in message["sessions"]]
        feeds = self.bound[message["sessions"][0]]
        served = call_together(instances, feeds, message["in_flight"], message["seconds"])
        return attrs.asdict(served), {}

    def _close(self, message: dict[str, Any], _: dict[str, Any]) -> Answer:
        self.bound.pop(message["session"], None)
        self.meters.pop(message["session"], None)
        held = self.opened.pop(message["session"], None)
        if held is not None:
            held[0].close()
            del held
            gc.collect()  # as above
        return {}, {}


def _arguments() -> tuple[int, int, int]:
    requests, replies, lifeline = map(int, sys.argv[1:4])
    return requests, replies, lifeline


if __name__ == "__main__":
    main(*_arguments())

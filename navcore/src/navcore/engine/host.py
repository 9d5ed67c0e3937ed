"""A worker process, seen from the engine: one request at a time, watched, and killed whole."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, BinaryIO

import attrs

from navcore.contracts import Array, Tensors
from navcore.domain import Failure
from navcore.engine import wire
from navcore.engine.failures import StepFailed, recognised
from navcore.engine.worker import LOST_CONNECTION

__all__ = ["Limits", "Worker"]

_WATCH_S = 0.05
_TAIL_BYTES = 2000
_START_TIMEOUT_S = 120.0
_MODULE = "navcore.engine.worker"


@attrs.frozen
class Limits:
    """What a step may use.

    Attributes:
        timeout_s: Wall time of one step.
        memory_bytes: Resident memory of the worker and all that it started; None: no limit of ours.
    """

    timeout_s: float = attrs.field(validator=attrs.validators.gt(0))
    memory_bytes: int | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.gt(0)))


@attrs.define(eq=False)
class Worker:
    """One process.

    Attributes:
        name: Whose tools it runs, for messages.
        steps: Requests served so far.
        imports: Modules that it was told to import ahead.
    """

    name: str
    steps: int = 0
    imports: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = None
    _requests: BinaryIO | None = None
    _replies: BinaryIO | None = None
    _lifeline: int = -1
    _watch: _Watch | None = None
    _ending: threading.RLock = attrs.field(factory=threading.RLock, init=False)

    @property
    def alive(self) -> bool:
        """Whether the process is there and can be asked."""
        return self._process is not None and self._process.poll() is None and self._requests is not None

    def processes(self) -> tuple[int, ...]:
        """Return the ids of the process and of all that it has started."""
        if self._process is None:
            return ()
        return tuple(process.pid for process in _family(self._process.pid))

    def start(self) -> None:
        """Start the process, and wait until it answers."""
        self.spawn()
        self.greet()

    def spawn(self) -> None:
        """Start the process. Spawned, not forked: a fork of torch, TensorFlow or JAX hangs."""
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            request_end, requests = _pipe(theirs, ours)
            replies, reply_end = _pipe(ours, theirs)
            life_end, lifeline = _pipe(theirs, ours)
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                _command(request_end, reply_end, life_end),
                pass_fds=(request_end, reply_end, life_end),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=_environment(),
            )
            ours.pop_all()
        self._requests, self._replies = os.fdopen(requests, "wb"), os.fdopen(replies, "rb")
        self._lifeline = lifeline
        self._watch = _Watch(self._process)
        self._watch.start()

    def greet(self) -> None:
        """Tell a new process where modules are found, and wait until it answers."""
        self.ask({"do": "hello", "path": sys.path}, None, Limits(_START_TIMEOUT_S), "its start")

    def prepare(self, imports: Sequence[str]) -> None:
        """Let the process import these modules ahead, and wait until it has done so."""
        self.imports = tuple(imports)
        self.ask({"do": "prepare", "imports": list(imports)}, None, Limits(_START_TIMEOUT_S), "its start")

    def ask(
        self, message: wire.Message, arrays: Tensors | None, limits: Limits, what: str
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        """Send a request and return the answer.

        Args:
            message, arrays: The request.
            limits: For this request.
            what: What is done, for messages: `"onnx/openvino-ir"`.

        Raises:
            StepFailed: The tool failed; or the arrays cannot be sent, then nothing was; or the worker crashed or was
                killed, then it is gone.
        """
        watch = self._watch
        requests, replies = self._requests, self._replies
        if requests is None or replies is None or watch is None:
            raise ValueError(f"worker {self.name!r} is not running")
        watch.limit(limits)
        try:
            _send(requests, message, arrays, what)
            answer, results = wire.receive(replies)
        except (EOFError, OSError, ValueError) as error:
            raise StepFailed(self._autopsy(what, limits, error, message.get("log"))) from error
        finally:
            watch.limit(None)
        self.steps += 1
        if "failure" in answer:
            raise StepFailed(Failure(**answer["failure"]))
        return answer, results

    def _autopsy(self, what: str, limits: Limits, error: Exception, log: str | None) -> Failure:
        """Say what became of the worker, and clear away what is left of it."""
        if self._process is None or self._watch is None:
            return Failure("crash", f"the worker was ended during {what}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)  # the pipes may break a moment before the process is gone
        status = self._process.poll()
        verdict = self._watch.verdict
        self.kill()
        if verdict == "timeout":
            return Failure(
                "timeout",
                f"{what} took longer than {limits.timeout_s:g} s, so its worker was killed",
                "pass a larger timeout_s, or leave this route out",
            )
        if verdict == "memory":
            return Failure(
                "out-of-memory",
                f"{what} took more than {limits.memory_bytes} bytes of memory, so its worker was killed",
                "pass a larger memory_limit_bytes, or leave this route out",
            )
        known = _last_words(log) if status == -signal.SIGABRT else None
        return known or _death(what, status, error)

    def kill(self) -> None:
        """End the process and everything that it started, now."""
        with self._ending:  # two threads may end it
            process, self._process = self._process, None
            watch, self._watch = self._watch, None
            streams, self._requests, self._replies = (self._requests, self._replies), None, None
            lifeline, self._lifeline = self._lifeline, -1
        if watch is not None:
            watch.stop()
        if process is not None:
            _kill_group(process)
        for stream in streams:
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        if lifeline >= 0:
            os.close(lifeline)


def _pipe(reader: contextlib.ExitStack, writer: contextlib.ExitStack) -> tuple[int, int]:
    """Return the ends of a new pipe, which these close."""
    ends = os.pipe()
    reader.callback(os.close, ends[0])
    writer.callback(os.close, ends[1])
    return ends


def _command(*ends: int) -> list[str]:
    """Return what runs a worker, without the current folder on its path: a `signal.py` there would be its own."""
    if sys.version_info >= (3, 11):
        return [sys.executable, "-P", "-m", _MODULE, *map(str, ends)]
    # Python 3.10 has no -P; `sys` is built in, so nothing is read from the folder before it is off the path.
    run = "import sys; del sys.path[0]; import runpy; runpy.run_module(sys.argv.pop(1), None, '__main__', True)"
    return [sys.executable, "-c", run, _MODULE, *map(str, ends)]


def _send(requests: BinaryIO, message: wire.Message, arrays: Tensors | None, what: str) -> None:
    try:
        wire.send(requests, message, arrays)
    except (TypeError, ValueError) as error:
        if requests.closed:  # the worker was ended meanwhile
            raise
        # Nothing has been written yet, so the worker is well.
        raise StepFailed(Failure("exception", f"the inputs of {what} cannot be sent: {error}")) from error


def _environment() -> dict[str, str]:
    """The user's environment, with what has to be there before a library loads."""
    environment = dict(os.environ)
    # Threads of libgomp spin while they wait: with a neighbour on the same cores a call took up to 27 times as long.
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Where the user's process found navcore; its whole sys.path follows in the first request.
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return environment


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_words(log: str | None) -> Failure | None:
    """Return what the end of the log says of an abort, where it is known: C++ code that finds the disk full aborts."""
    if log is None or not os.path.exists(log):
        return None
    with open(log, "rb") as file:
        file.seek(max(0, os.path.getsize(log) - _TAIL_BYTES))
        return recognised(file.read().decode("utf-8", "replace"))


def _death(what: str, status: int | None, error: Exception) -> Failure:
    if status is None and isinstance(error, ValueError):
        return Failure("crash", f"{what} wrote into the worker's connection, so the worker was ended")
    if status is None or status == LOST_CONNECTION:
        return Failure("crash", f"{what} closed the worker's connection, so the worker was ended")
    if status >= 0:
        return Failure("crash", f"the worker exited with status {status} during {what}")
    name = signal.Signals(-status).name
    if name == "SIGKILL":
        return Failure(
            "out-of-memory",
            f"the worker was killed by SIGKILL during {what}, and not by this run: most likely the system ran out of "
            "memory",
            "free memory, or use a smaller batch or model",
        )
    return Failure(
        "crash", f"the worker died of {name} during {what}", "report this to the tool's author, with the log"
    )


class _Watch(threading.Thread):
    """Kills the worker's group when a limit is passed, or when its leader is gone and others hold the pipes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True, name=f"navcore-watch-{process.pid}")
        self.verdict = ""
        self._process = process
        self._over = threading.Event()
        self._watched: tuple[Limits, float] | None = None  # with its deadline

    def limit(self, limits: Limits | None) -> None:
        """Begin to watch one request, or end it."""
        self._watched = (limits, time.monotonic() + limits.timeout_s) if limits else None

    def stop(self) -> None:
        self._over.set()

    def run(self) -> None:
        while not self._over.wait(_WATCH_S):
            limits, deadline = self._watched or (None, 0.0)
            if limits is not None and time.monotonic() > deadline:
                self.verdict = "timeout"
            elif limits is not None and limits.memory_bytes and _resident(self._process.pid) > limits.memory_bytes:
                self.verdict = "memory"
            elif not _gone(self._process.pid):
                continue
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            return


def _gone(pid: int) -> bool:
    """Whether the process has ended; its status stays for whoever waits for it."""
    if not hasattr(os, "waitid"):  # macOS has it from Python 3.13 on
        import psutil

        return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _resident(pid: int) -> int:
    """Resident bytes of a process and all its descendants."""
    import psutil

    total = 0
    for process in _family(pid):
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def _family(pid: int) -> list[Any]:
    """Return a process and all its descendants, as psutil's."""
    import psutil

    try:
        leader = psutil.Process(pid)
        return [leader, *leader.children(recursive=True)]
    except psutil.Error:
        return []

"""One hand-written way in a process of its own: made, compared with the module, then timed block by block.

best_of.py starts it, so that a runtime that crashes costs one way, and that no runtime's idle threads are those of
another. What navcore chose runs in one as well: the process that searched for it holds gigabytes in pieces. What it
answers goes to the standard output that it was started with, one line of JSON for each request.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
from hand_case import Case, Prepare, Step, ways_of
from routes import zoo_of

import navcore as nav
from navcore.contracts import Array, Model, Tensors
from navcore.engine.compare import compare
from navcore.errors import UsageError
from navcore.session import Session

__all__ = ["BOUND", "NATIVE", "OURS", "STRATEGY", "WORKSPACE", "Given", "Worker", "block_ms", "made", "our_steps"]

PAUSE_S = 0.03
OURS = "navcore, infer"
BOUND = "navcore, bind"
NATIVE = "navcore, native"
STRATEGY = nav.MaxThroughputStrategy()
WORKSPACE = "workspace"
"""Folder of the search, in that of the model."""

_NAVCORE = "navcore"
"""The way that is ours, in place of a hand-written one."""


@attrs.frozen(kw_only=True, eq=False)
class Given:
    """What the process needs besides the module, which it loads anew: the same seed gives the same weights.

    Attributes:
        call, signature: Of navcore's description of the module.
        feeds: The inputs that will be timed.
        samples: Inputs of the user's samples.
    """

    call: Any
    signature: Any
    feeds: Tensors
    samples: tuple[Tensors, ...]


def block_ms(step: Step, calls: int) -> float:
    """Return the time of one call in ms, after a pause in which threads fall asleep and a call that wakes them."""
    time.sleep(PAUSE_S)
    step()
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return (time.perf_counter() - start) / calls * 1e3


class Worker:
    """The process, as best_of.py holds it.

    Args:
        framework, model, size: What is run.
        way: A hand-written one; None: what navcore chose.
        varying: As in Case.
        folder: Where the inputs are, and the workspace.

    Attributes:
        reason: Why the way does not count; empty where it does.
        steps: Names of what it can be asked to time: one for a hand-written way.
    """

    def __init__(self, framework: str, way: str | None, varying: bool, model: str, size: str, folder: Path) -> None:
        command = [sys.executable, __file__, framework, way or _NAVCORE, str(int(varying)), model, size, str(folder)]
        pipe = subprocess.PIPE
        with Path(folder, f"{way or _NAVCORE}-{varying}.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, text=True, bufsize=1)
        told = self._answer()
        self.reason, self.steps = told if isinstance(told, list) else (told, [])

    def block(self, step: str) -> Callable[[int], float]:
        """Return what times so many calls of a step and returns the time of one in ms."""

        def ask(calls: int) -> float:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps([step, calls]) + "\n")
            return float(self._answer())

        return ask

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line else f"its process died with {self._process.wait()}"


def main() -> None:
    """Make the way, say why it does not count or nothing, then time as many calls as are asked for."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # exporters print
    framework, way, varying, name, size, folder = sys.argv[1:]
    ways = ways_of(framework)
    given: Given = pickle.loads(Path(folder, "given").read_bytes())
    loaded = zoo_of(framework).load(name, size)
    steps: dict[str, Step] = {}
    with contextlib.ExitStack() as stack:
        if way == _NAVCORE:
            package = nav.package.load_from_workspace(Path(folder, WORKSPACE))
            package.load_source_model(loaded.module, loaded.samples[0])
            session = stack.enter_context(package.get_runner(strategy=STRATEGY))
            steps, reason = our_steps(session, given.feeds, ways.placed), ""
        else:
            model = Model(format=None, signature=given.signature, call=given.call)  # type: ignore[arg-type]  # no way asks
            files = Path(folder)
            case = Case(module=loaded.module, model=model, feeds=given.feeds, folder=files, varying=bool(int(varying)))
            steps[way], reason = made(ways, way, case, given.samples)
        print(json.dumps([reason, list(steps)]), file=answers)
        while not reason and (line := sys.stdin.readline()):
            step, calls = json.loads(line)
            print(json.dumps(block_ms(steps[step], calls)), file=answers)


def our_steps(session: Session, feeds: Tensors, placed: Callable[[Array], Any]) -> dict[str, Step]:
    """Return the calls of an active session; `native` only where the runtime has tensors."""
    steps: dict[str, Step] = {OURS: lambda: session.infer(feeds), BOUND: session.bind(feeds)}
    tensors = {name: placed(array) for name, array in feeds.items()}
    with contextlib.suppress(UsageError):
        session.native(tensors)
        steps[NATIVE] = lambda: session.native(tensors)
    return steps


def made(ways: Any, way: str, case: Case, samples: Sequence[Tensors]) -> tuple[Step, str]:
    """Return a way on the inputs that are timed, and why it does not count, or nothing."""
    try:
        prepare = ways.WAYS[way](case)
        others = samples if way not in ways.ONE_SIZE and case.varying else ()
        return prepare(case.feeds), disagreement(ways, prepare, case, others)
    except Exception as error:  # frameworks raise anything
        return lambda: None, first_cause(error)


def disagreement(ways: Any, prepare: Prepare, case: Case, others: Sequence[Tensors]) -> str:
    """Return how a way differs from the module, or nothing.

    Other samples than the one that is timed may be refused, because then they are known not to work.
    """
    reference = ways.WAYS["eager"](case)
    for inputs in (case.feeds, *others):
        expected = ways.arrays_of(reference(inputs)())
        try:
            got = ways.arrays_of(prepare(inputs)())
        except Exception:
            if inputs is case.feeds:
                raise
            continue
        if found := difference(expected, got):
            return found
    return ""


def difference(expected: Sequence[Array], got: Sequence[Array]) -> str:
    """Return where outputs differ by more than the default tolerance, or nothing."""
    if len(expected) != len(got):
        return f"gives {len(got)} outputs, and the module gives {len(expected)}"
    named = [{f"output {place}": array for place, array in enumerate(arrays)} for arrays in (expected, got)]
    found = compare(named[:1], named[1:])
    return "" if found.within else f"disagrees with the module: {found.disagreement}"


def first_cause(error: BaseException) -> str:
    """Return the first telling line of the first cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith("Exception from")] or ["no message"]
    return f"{type(error).__name__}: {telling[0][:200]}"


if __name__ == "__main__":
    main()

"""opened_with(): a candidate once more, with other options of its runner."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import attrs

from navcore.contracts import Model, Runner
from navcore.engine.candidate import Candidate
from navcore.engine.check import Bench, close

__all__ = ["opened_with"]


def opened_with(
    options: Mapping[str, Any], name: str, runner: Runner, model: Model, bench: Bench, stack: contextlib.ExitStack
) -> Candidate:
    """Return an instance of its own, in the worker of the runner's plugin; the stack closes it.

    Args:
        options: Fields of the runner.
        name: Of the candidate, for messages.
        runner, model: What is opened.
        bench: Where.
        stack: Of the caller.
    """
    told = attrs.evolve(runner, **options)
    bench.fleet.adopt(told, runner)
    opened = bench.fleet.open(told, model, bench.request.device, bench.workspace.log("measure"), name)
    stack.callback(close, opened, name)
    return opened

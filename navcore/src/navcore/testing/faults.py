"""Tools that really break: for tests of what a run survives.

`FaultyConverter(fault="segfault")` and `FaultyRunner(fault="segfault")` stand in for toy tools; FAULTS lists what there
is. Use them in isolated runs only: most of them end the process that they run in.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from navcore.contracts import Converter, Infer, Model, Runner, Tensors
from navcore.domain import DeviceKind, Signature
from navcore.formats import Format
from navcore.testing.toy_model import TOY_JSON, TOY_NPZ

__all__ = ["FAULTS", "FaultyConverter", "FaultyRunner"]


def _segfault() -> None:
    ctypes.string_at(0)


def _exit() -> None:
    os._exit(9)


def _abort() -> None:
    os.abort()


def _killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang() -> None:
    """Hold the GIL for ever: a regular expression that backtracks exponentially runs in C without a break."""
    re.match("(a+)+b", "a" * 64)


def _allocate() -> None:
    """Take resident memory, piece by piece, until somebody ends it."""
    held = []
    while True:
        held.append(mmap.mmap(-1, 16 * 1024 * 1024))
        for page in range(0, len(held[-1]), mmap.PAGESIZE):
            held[-1][page] = 1
        time.sleep(0.001)


def _fill_disk() -> None:
    """Write where there is no space left: the kernel's own answer, from a device that is always full."""
    with open("/dev/full", "wb", buffering=0) as file:
        file.write(b"x" * 4096)


def _print_much() -> None:
    line = "x" * 1023 + "\n"
    for _ in range(100 * 1024):
        sys.stdout.write(line)


class _StubbornError(Exception):
    """Cannot be pickled, copied or printed nicely."""

    def __init__(self, first: object, second: object) -> None:
        super().__init__("stubborn\nas a mule")
        self.held = (first, second, sys.stdout, lambda: None)

    def __reduce__(self) -> Any:
        raise TypeError("not me")


def _raise() -> None:
    raise _StubbornError(object(), object())


def _close_pipes() -> None:
    os.closerange(3, 64)


def _fork_and_exit() -> None:
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)


def _nothing() -> None:
    pass


FAULTS: Mapping[str, Callable[[], None]] = {
    "segfault": _segfault,
    "exit": _exit,
    "abort": _abort,
    "killed": _killed,
    "hang": _hang,
    "allocate": _allocate,
    "disk-full": _fill_disk,
    "print": _print_much,
    "raise": _raise,
    "garbage": _nothing,
    "close-pipes": _close_pipes,
    "fork": _fork_and_exit,
    "write": _nothing,
}
"""What each fault does; `garbage` returns nonsense, `write` writes 64 MiB."""


@attrs.frozen(kw_only=True)
class FaultyConverter(Converter):
    """Converts a toy, badly."""

    name: str = "faulty"
    source: Format = TOY_NPZ
    target: Format = TOY_JSON
    fault: str = attrs.field(validator=attrs.validators.in_(FAULTS))

    def write(self, model: Model, out: Path) -> Signature:
        FAULTS[self.fault]()
        if self.fault == "write":
            out.write_bytes(bytes(64 * 1024 * 1024))
        garbage: Any = "garbage"
        return garbage if self.fault == "garbage" else model.signature


@attrs.frozen(kw_only=True)
class FaultyRunner(Runner):
    """Runs a toy, badly."""

    name: str = "Faulty"
    accepts: Format = TOY_NPZ
    devices: tuple[DeviceKind, ...] = (DeviceKind.CPU,)
    fault: str = attrs.field(validator=attrs.validators.in_(FAULTS))

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        def infer(_feeds: Tensors) -> Tensors:
            FAULTS[self.fault]()
            return {"y": np.array(object())}

        yield infer

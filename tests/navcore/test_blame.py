"""verify_func is not blamed for what it reads: the candidate, the source and the dataloader may fail under it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from navcore.contracts import Infer, Model, Tensors
from navcore.domain import Failure, Status, TrialResult
from navcore.engine.describe import Sample, Source
from navcore.engine.rest import rest_of
from navcore.engine.verify import verified
from navcore.testing.toys import TOY_NPZ, TOY_SIGNATURE

GIVEN = tuple(Sample({"x": np.array([number])}, {"y": np.array([number])}, None) for number in range(2))


@contextmanager
def echo() -> Iterator[Infer]:
    yield lambda feeds: {"y": feeds["x"]}


@contextmanager
def broken() -> Iterator[Infer]:
    def infer(feeds: Tensors) -> Tensors:
        raise RuntimeError("no such kernel")

    yield infer


class Torn:
    """A dataloader whose file is cut off."""

    def __iter__(self) -> Iterator[Any]:
        yield from range(2)
        raise OSError("truncated record")


def source(dataloader: Any, reference: Any = echo) -> Source:
    rest = rest_of(dataloader, 2, lambda sample: {"x": np.array([10 // (4 - sample)])}, reference)
    model = Model(format=TOY_NPZ, signature=TOY_SIGNATURE, path=Path("model.npz"), examples=())
    return Source(model, GIVEN, "toy", (), rest)


def read_all(got: Iterable[Tensors], expected: Iterable[Tensors]) -> bool:
    return bool(list(zip(got, expected, strict=True)))


@pytest.mark.parametrize(
    ("given", "candidate", "reason"),
    [
        (source(range(3)), broken, "RuntimeError: no such kernel"),
        (source(range(3), broken), echo, "the source failed: RuntimeError: no such kernel"),
        (source(Torn()), echo, "the dataloader failed: OSError: truncated record"),
        (source(range(5)), echo, "the dataloader failed: ZeroDivisionError: integer division or modulo by zero"),
    ],
)
def test_what_fails_while_verify_func_reads_is_to_blame_itself(given: Source, candidate: Any, reason: str) -> None:
    log = io.StringIO()
    blank = TrialResult("toy-npz", TOY_NPZ, "ToyNpz", 0, Status.OK)
    with candidate() as infer:
        found = verified(blank, infer, given, read_all, log)

    assert (Status.FAILED, False) == (found.status, found.verified)
    assert Failure("verify", f"while verify_func read its outputs: {reason}") == found.failure
    assert reason.rpartition(": ")[2] in log.getvalue()


def test_an_exception_of_verify_func_is_still_its_own() -> None:
    def fails(got: Iterable[Tensors], expected: Iterable[Tensors]) -> bool:
        raise ValueError(f"{len(list(got))} are too few")

    blank = TrialResult("toy-npz", TOY_NPZ, "ToyNpz", 0, Status.OK)
    with echo() as infer:
        found = verified(blank, infer, source(range(3)), fails, io.StringIO())

    assert found.failure is not None
    assert "verify_func raised ValueError: 3 are too few" == found.failure.reason

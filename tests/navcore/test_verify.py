"""verify_func: the whole dataloader on both sides, what counts as accepted, and who pays for an exception."""

from __future__ import annotations

import collections
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import navcore as nav
from navcore.contracts import Infer, Tensors, VerifyFunction
from navcore.domain import Status, TrialResult
from navcore.engine.rest import rest_of
from navcore.testing.toys import TOY_TOOLS, ToyModel, ToyPlugin, ToyRunner, toy_samples

QUICK = nav.OptimizationProfile(max_batch_size=1, window_size=2, max_trials=3)
RUNNERS = ["ToyLive", "ToyNpz", "ToyJson"]


def run(
    tmp_path: Path, verify: VerifyFunction | None, samples: Any, *, tools: Any = TOY_TOOLS, **options: Any
) -> nav.Package:
    registry = nav.load_plugins([ToyPlugin(tools=tools)], installed=False)
    options = {"optimization_profile": QUICK, "workspace": tmp_path / "w", "quiet": True} | options
    return nav.optimize(
        options.pop("model", None) or ToyModel(), samples, verify_func=verify, registry=registry, **options
    )


def trials(package: nav.Package) -> dict[str, TrialResult]:
    return {found.runner: found for found in package.status.trials}


@attrs.define(eq=False)
class Counted:
    """A dataloader that counts what was read of it."""

    samples: list[Any]
    read: int = 0
    begun: int = 0

    def __iter__(self) -> Iterator[Any]:
        self.begun += 1
        for sample in self.samples:
            self.read += 1
            yield sample


@attrs.define(eq=False)
class Seen:
    """A verify_func that keeps what it was given, pair by pair."""

    pairs: list[list[tuple[Tensors, Tensors]]] = attrs.field(factory=list)
    answer: Any = True

    def __call__(self, got: Iterable[Tensors], expected: Iterable[Tensors]) -> Any:
        self.pairs.append(list(zip(got, expected, strict=True)))
        return self.answer


def outputs_of(samples: list[Any]) -> list[list[list[float]]]:
    return [ToyModel()(sample).tolist() for sample in samples]


@pytest.mark.parametrize("isolate", [True, False])
def test_both_sides_are_the_whole_dataloader_however_few_samples_are_compared(tmp_path: Path, isolate: bool) -> None:
    samples, seen = toy_samples(9), Seen()
    package = run(tmp_path, seen, Counted(samples), sample_count=2, isolate=isolate)

    assert 3 == len(seen.pairs)
    for pairs in seen.pairs:
        assert outputs_of(samples) == [expected["y"].tolist() for _, expected in pairs]
        assert outputs_of(samples) == [got["y"].tolist() for got, _ in pairs]
    assert {True} == {found.verified for found in package.status.trials}


def test_a_file_is_its_own_reference_beyond_the_samples(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    ToyModel().save(path)
    samples, seen = toy_samples(5), Seen()
    run(tmp_path, seen, samples, sample_count=2, model=path)

    assert [outputs_of(samples)] * 2 == [[expected["y"].tolist() for _, expected in pairs] for pairs in seen.pairs]


def test_a_dataloader_that_shuffles_gives_both_sides_the_same_order(tmp_path: Path) -> None:
    random = np.random.default_rng(1)

    class Shuffled:
        def __iter__(self) -> Iterator[Any]:
            samples = toy_samples(9)
            return iter([samples[place] for place in random.permutation(9)])

    seen = Seen()
    run(tmp_path, seen, Shuffled(), sample_count=2)

    assert [9, 9, 9] == [len(pairs) for pairs in seen.pairs]
    assert all(np.array_equal(got["y"], expected["y"]) for pairs in seen.pairs for got, expected in pairs)


def test_one_side_may_be_read_to_its_end_before_the_other(tmp_path: Path) -> None:
    def whole(got: Iterable[Tensors], expected: Iterable[Tensors]) -> bool:
        sides = [[outputs["y"].tolist() for outputs in side] for side in (expected, got)]
        return sides[0] == sides[1] and 9 == len(sides[0])

    package = run(tmp_path, whole, toy_samples(9), sample_count=2)

    assert {True} == {found.verified for found in package.status.trials}


def test_of_a_generator_only_what_was_read_is_given(tmp_path: Path) -> None:
    samples, seen = toy_samples(9), Seen()
    run(tmp_path, seen, iter(samples), sample_count=4)

    assert [4, 4, 4] == [len(pairs) for pairs in seen.pairs]
    assert outputs_of(samples[:4]) == [got["y"].tolist() for got, _ in seen.pairs[0]]


def test_samples_that_were_made_up_are_not_given(tmp_path: Path) -> None:
    seen = Seen()
    package = run(tmp_path, seen, toy_samples(2), optimization_profile=attrs.evolve(QUICK, max_batch_size=8))

    assert (1, 2, 3, 7) == package.status.trials[0].agreement.batch_sizes  # type: ignore[union-attr]
    assert [[2, 2]] * 3 == [[len(got["y"]) for got, _ in pairs] for pairs in seen.pairs]


def test_without_a_verify_func_the_dataloader_is_read_once_and_not_beyond_the_samples(tmp_path: Path) -> None:
    loader = Counted(toy_samples(9))
    package = run(tmp_path, None, loader, sample_count=2)

    assert (1, 2) == (loader.begun, loader.read)
    assert {None} == {found.verified for found in package.status.trials}


def test_what_verify_func_does_not_ask_for_is_not_read(tmp_path: Path) -> None:
    loader = Counted(toy_samples(9))

    def first_only(got: Iterable[Tensors], expected: Iterable[Tensors]) -> bool:
        return np.array_equal(next(iter(got))["y"], next(iter(expected))["y"])

    package = run(tmp_path, first_only, loader, sample_count=2)

    assert {True} == {found.verified for found in package.status.trials}
    assert 2 == loader.read


def test_further_samples_are_held_one_at_a_time(tmp_path: Path) -> None:
    alive: collections.Counter[str] = collections.Counter()

    @attrs.define(eq=False)
    class Loader:
        def __iter__(self) -> Iterator[Any]:
            for number, sample in enumerate(toy_samples(50)):
                alive["asked"] = number
                yield sample

    def lockstep(got: Iterable[Tensors], expected: Iterable[Tensors]) -> bool:
        for number, _ in enumerate(zip(got, expected, strict=True)):
            assert number < 2 or alive["asked"] <= number
        return True

    assert {True} == {found.verified for found in run(tmp_path, lockstep, Loader(), sample_count=2).status.trials}


@pytest.mark.parametrize("answer", [True, 1, np.True_, "yes", [0], np.array([True])])
def test_a_truthy_answer_accepts(tmp_path: Path, answer: Any) -> None:
    package = run(tmp_path, Seen(answer=answer), toy_samples())

    assert [(Status.OK, True)] * 3 == [(found.status, found.verified) for found in package.status.trials]


@pytest.mark.parametrize(
    ("answer", "shown"), [(False, "False"), (None, "None"), (0, "0"), (np.False_, repr(np.False_)), ("", "''")]
)
def test_any_other_answer_rejects_and_is_shown(tmp_path: Path, answer: Any, shown: str) -> None:
    package = run(tmp_path, Seen(answer=answer), toy_samples())

    assert [(Status.FAILED, False)] * 3 == [(found.status, found.verified) for found in package.status.trials]
    assert package.is_empty()
    for found in package.status.trials:
        assert found.failure is not None
        assert ("verify", f"verify_func returned {shown}") == (found.failure.kind, found.failure.reason)
        assert "returns True" in found.failure.fix


class UndecidedError(Exception):
    """What an answer may raise when it is asked whether it is true."""


class Undecided:
    """An answer that cannot say whether it is one."""

    def __bool__(self) -> bool:
        raise UndecidedError("ask again later")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (np.array([True, False]), "ValueError: The truth value of an array"),
        (Undecided(), "UndecidedError: ask again later"),
    ],
)
def test_an_answer_that_is_neither_is_an_exception_of_verify_func(tmp_path: Path, answer: Any, reason: str) -> None:
    for found in run(tmp_path, Seen(answer=answer), toy_samples()).status.trials:
        assert found.failure is not None
        assert found.failure.reason.startswith(f"verify_func raised {reason}")


def of_runner(name: str, act: Callable[[], Any]) -> Callable[[Iterable[Tensors], Iterable[Tensors]], Any]:
    """A verify_func that acts only for the runner with this turn: trials are checked in the order of RUNNERS."""
    turns = iter(RUNNERS)

    def verify(got: Iterable[Tensors], expected: Iterable[Tensors]) -> Any:
        return act() if next(turns) == name else True

    return verify


def raising(error: BaseException) -> Callable[[], Any]:
    def act() -> Any:
        raise error

    return act


@pytest.mark.parametrize("name", RUNNERS)
@pytest.mark.parametrize("error", [KeyError("accuracy"), AssertionError(), SystemExit(2)])
def test_an_exception_fails_only_the_runner_at_hand_with_its_traceback_in_the_log(
    tmp_path: Path, name: str, error: BaseException
) -> None:
    package = run(tmp_path, of_runner(name, raising(error)), toy_samples())
    found = trials(package)

    assert {each: Status.FAILED if each == name else Status.OK for each in RUNNERS} == {
        each: result.status for each, result in found.items()
    }
    failure = found[name].failure
    assert failure is not None
    assert type(error).__name__ in failure.reason
    log = (package.workspace / failure.log).read_text()
    assert "Traceback" in log
    assert "in act" in log
    assert not package.is_empty()
    assert name not in {choice.trial.runner for choice in package.status.choices}


def test_an_exception_is_told_to_be_the_users_with_where_to_look(tmp_path: Path) -> None:
    failure = trials(run(tmp_path, of_runner("ToyNpz", raising(KeyError("accuracy"))), toy_samples()))["ToyNpz"].failure

    assert failure is not None
    assert ("verify", "verify_func raised KeyError: 'accuracy'") == (failure.kind, failure.reason)
    assert "see the traceback in the log: it is your function" == failure.fix


def test_one_that_is_rejected_is_not_measured_and_the_others_are(tmp_path: Path) -> None:
    found = trials(run(tmp_path, of_runner("ToyJson", lambda: False), toy_samples()))

    assert () == found["ToyJson"].measurements
    assert found["ToyNpz"].measurements
    assert found["ToyJson"].agreement is not None


def test_one_that_disagrees_is_not_shown_to_verify_func(tmp_path: Path) -> None:
    seen = Seen()
    package = run(tmp_path, seen, toy_samples(), tools=(*TOY_TOOLS[:3], ToyRunner(fault="wrong"), TOY_TOOLS[4]))

    assert 2 == len(seen.pairs)
    assert trials(package)["ToyNpz"].verified is None


@pytest.mark.parametrize(
    ("death", "kind", "reason"),
    [
        ("", "verify", "while verify_func read its outputs: ValueError: four is too many"),
        ("os.kill(os.getpid(), 11)", "crash", "the worker died of SIGSEGV during toy-npz on ToyNpz"),
        ("time.sleep(600)", "timeout", "toy-npz on ToyNpz took longer than 3 s, so its worker was killed"),
    ],
)
def test_a_candidate_that_fails_in_its_worker_while_verify_func_reads_is_to_blame_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, death: str, kind: str, reason: str
) -> None:
    source = f"""
import attrs, os, time
from contextlib import contextmanager
from navcore.testing.toys import ToyRunner

@attrs.frozen(kw_only=True)
class Picky(ToyRunner):
    @contextmanager
    def open(self, model, device):
        with ToyRunner.open(self, model, device) as infer:
            def picky(feeds):
                if len(feeds["x"]) == 4:
                    {death}
                    raise ValueError("four is too many")
                return infer(feeds)
            yield picky
"""
    (tmp_path / "picky_toy.py").write_text(source, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    picky = importlib.import_module("picky_toy").Picky()
    samples = [*toy_samples(2, batch=2), *toy_samples(1, batch=4)]
    package = run(
        tmp_path, Seen(), samples, sample_count=2, tools=(*TOY_TOOLS[:3], picky), tool_timeouts_s={"ToyNpz": 3.0}
    )
    sys.modules.pop("picky_toy")
    found = trials(package)

    assert Status.OK is found["ToyLive"].status
    assert Status.FAILED is found["ToyNpz"].status
    failure = found["ToyNpz"].failure
    assert failure is not None
    assert (kind, reason) == (failure.kind, failure.reason)


@contextmanager
def _source() -> Iterator[Infer]:
    yield lambda feeds: {"y": feeds["x"] + 1}


def test_the_rest_begins_behind_what_was_read_and_can_be_read_again() -> None:
    loader = Counted([1, 2, 3, 4])
    rest = rest_of(loader, 3, lambda sample: {"x": np.array(sample)}, _source)

    assert rest is not None
    for _ in range(2):
        assert [4] == [int(inputs["x"]) for inputs in rest.inputs()]
        assert [5] == [int(outputs["y"]) for outputs in rest.outputs(rest.inputs())]
    assert [] == list(attrs.evolve(rest, skip=9).inputs())


@pytest.mark.parametrize("loader", [None, iter([1, 2]), (number for number in range(3))])
def test_what_can_be_read_once_only_leaves_no_rest(loader: Any) -> None:
    assert rest_of(loader, 1, lambda sample: {}, _source) is None


def test_the_source_is_closed_even_if_its_outputs_are_not_read_to_the_end() -> None:
    events: list[str] = []

    @contextmanager
    def source() -> Iterator[Infer]:
        events.append("open")
        yield lambda feeds: feeds
        events.append("close")

    @contextmanager
    def guarded() -> Iterator[Infer]:
        try:
            with source() as infer:
                yield infer
        finally:
            events.append("left")

    rest = rest_of([1, 2, 3], 0, lambda sample: {"x": np.array(sample)}, guarded)
    assert rest is not None
    outputs = rest.outputs(rest.inputs())
    next(outputs)
    outputs.close()  # type: ignore[attr-defined]

    assert ["open", "left"] == events

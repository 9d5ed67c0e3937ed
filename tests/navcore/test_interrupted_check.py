"""An interrupt while a trial is checked: the runner that was opened has let go of the model when it arrives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

import navcore as nav
from navcore import profiling
from navcore.contracts import Infer, Model, Tensors
from navcore.domain import DeviceKind, Request
from navcore.engine import candidate
from navcore.engine.candidate import LocalCandidate
from navcore.store.workspace import Workspace
from navcore.testing.toys import TOY_TOOLS, ToyModel, ToyPlugin, ToyRunner, toy_samples


@attrs.frozen(kw_only=True)
class Holding(ToyRunner):
    """A runner that holds the model while it is open."""

    held: list[str] = attrs.field(factory=list, eq=False)

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        self.held.append("it")
        try:
            with ToyRunner.open(self, model, device) as infer:
                yield infer
        finally:
            self.held.clear()


def test_an_interrupt_in_a_check_closes_the_candidate_before_it_arrives(tmp_path: Path) -> None:
    def verify(got: Iterable[Tensors], expected: Iterable[Tensors]) -> bool:
        seen.append(list(runner.held))
        raise KeyboardInterrupt

    runner, seen = Holding(), list[Any]()
    registry = nav.load_plugins([ToyPlugin(tools=(*TOY_TOOLS[:2], runner))], installed=False)
    with pytest.raises(KeyboardInterrupt) as caught:
        nav.optimize(
            ToyModel(),
            toy_samples(),
            registry=registry,
            verify_func=verify,
            isolate=False,
            workspace=tmp_path / "w",
            quiet=True,
        )

    assert [["it"]] == seen
    assert [] == runner.held
    assert caught.tb is not None  # it would hold the candidate, and close it whenever it is freed


def test_an_interrupt_right_after_a_runner_has_opened_closes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Infer) -> None:
        raise KeyboardInterrupt

    @attrs.frozen(kw_only=True)
    class Plain(Holding):
        @contextmanager
        def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
            self.held.append("it")
            try:
                yield lambda feeds: feeds
            finally:
                self.held.clear()

    runner = Plain()
    monkeypatch.setattr(candidate, "LocalTimer", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        LocalCandidate.open(runner, Any, DeviceKind.CPU)  # type: ignore[arg-type]  # no model is needed

    assert [] == runner.held
    assert caught.tb is not None


def test_an_interrupt_while_a_package_is_profiled_closes_what_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def interrupted(*_: object, **__: object) -> Iterator[None]:
        yield
        raise KeyboardInterrupt

    closed: list[str] = []
    fleet: Any = SimpleNamespace(open=lambda *_: SimpleNamespace(close=lambda: closed.append("it")))
    entry: Any = SimpleNamespace(name="toy", runner=None, model=None)
    signature: Any = None
    monkeypatch.setattr(profiling, "captured", interrupted)
    with pytest.raises(KeyboardInterrupt), ExitStack() as opened:
        profiling._Bench(Workspace(tmp_path), fleet, Request(), signature, False).open(entry, opened)

    assert ["it"] == closed

"""A live model in a worker: where it lies meanwhile, who gets it, and what becomes of those who cannot have it."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from navcore.contracts import Exporter, Model, Runner
from navcore.domain import DeviceKind
from navcore.engine.candidate import LocalCandidate, RemoteCandidate
from navcore.engine.failures import StepFailed
from navcore.engine.fleet import Fleet
from navcore.engine.host import Limits
from navcore.testing.toys import TOY_LIVE, TOY_SIGNATURE, ToyExporter, ToyModel, ToyRunner

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workers need POSIX process groups")

FEEDS = {"x": np.ones((2, 3), np.float32)}
PORTABLE = """
import attrs
from navcore.testing.toys import ToyModel, ToyRunner

@attrs.frozen(kw_only=True)
class ApartRunner(ToyRunner):
    def apart(self, model):
        return True

def take_over(folder):
    return ToyModel.load(folder / "model.npz"), ("x",)
"""


def hand_over(model: Model, folder: Path) -> str | None:
    model.object.save(folder / "model.npz")
    return "portable_toys:take_over"


def refuse(_model: Model, _folder: Path) -> str | None:
    return None


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """A runner of live toys that wants to be in a worker."""
    (tmp_path / "portable_toys.py").write_text(PORTABLE)
    monkeypatch.syspath_prepend(str(tmp_path))
    from portable_toys import ApartRunner  # type: ignore[import-not-found]

    runner: Runner = ApartRunner(name="Apart", accepts=TOY_LIVE)
    return runner


@pytest.fixture
def fleet_of(tmp_path: Path) -> Iterator[Callable[..., Fleet]]:
    """Make a fleet that hands over into `scratch`; it is closed after the test."""
    made: list[Fleet] = []

    def make(*tools: Any, isolate: bool = True, **options: Any) -> Fleet:
        origins = dict.fromkeys(tools, "toy")
        made.append(Fleet(isolate, origins, Limits(60.0), scratch=tmp_path / "scratch", **options))
        return made[-1]

    yield make
    for fleet in made:
        fleet.close()


@pytest.fixture
def toy() -> Model:
    """A live toy."""
    return Model(format=TOY_LIVE, signature=TOY_SIGNATURE, object=ToyModel(), call=("x",), examples=(FEEDS,))


def opened(fleet: Fleet, runner: Runner, toy: Model, tmp_path: Path) -> Any:
    return fleet.open(runner, toy, DeviceKind.CPU, tmp_path / "log", runner.name)


def test_a_runner_that_wants_to_be_apart_gets_the_model_in_a_worker(
    apart: Runner, toy: Model, fleet_of: Callable[..., Fleet], tmp_path: Path
) -> None:
    candidate = opened(fleet_of(apart, hand_over=hand_over), apart, toy, tmp_path)

    assert isinstance(candidate, RemoteCandidate)
    np.testing.assert_array_equal(toy.object(FEEDS["x"]), candidate.infer(FEEDS)["y"])


def test_a_runner_that_does_not_gets_it_here_and_nothing_is_handed_over(
    toy: Model, fleet_of: Callable[..., Fleet], tmp_path: Path
) -> None:
    runner = ToyRunner(accepts=TOY_LIVE)
    candidate = opened(fleet_of(runner, hand_over=hand_over), runner, toy, tmp_path)

    assert isinstance(candidate, LocalCandidate)
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("options", [{"isolate": False, "hand_over": hand_over}, {"hand_over": None}])
def test_where_nothing_is_handed_over_all_are_here(
    options: dict[str, Any], apart: Runner, toy: Model, fleet_of: Callable[..., Fleet], tmp_path: Path
) -> None:
    assert isinstance(opened(fleet_of(apart, **options), apart, toy, tmp_path), LocalCandidate)


def test_a_model_that_no_worker_can_have_is_not_copied_here(
    apart: Runner, toy: Model, fleet_of: Callable[..., Fleet], tmp_path: Path
) -> None:
    with pytest.raises(StepFailed, match="Apart makes a copy of the model, which is too large for two") as caught:
        opened(fleet_of(apart, hand_over=refuse), apart, toy, tmp_path)

    assert "unsuited" == caught.value.failure.kind
    assert "classes in modules that can be imported" in caught.value.failure.fix


def test_what_is_handed_over_lies_in_the_folder_of_the_run_once_and_is_gone_with_it(
    apart: Runner, toy: Model, fleet_of: Callable[..., Fleet], tmp_path: Path
) -> None:
    other = attrs.evolve(apart, name="Other")
    fleet = fleet_of(apart, other, hand_over=hand_over)
    opened(fleet, apart, toy, tmp_path)
    opened(fleet, other, toy, tmp_path)
    (folder,) = (tmp_path / "scratch").iterdir()

    assert ["model.npz"] == [file.name for file in folder.iterdir()]
    assert 0o700 == folder.stat().st_mode & 0o777
    fleet.close()
    assert not (tmp_path / "scratch").exists()


def test_what_no_worker_can_read_is_removed_at_once(toy: Model, fleet_of: Callable[..., Fleet], tmp_path: Path) -> None:
    def lie(model: Model, folder: Path) -> str | None:
        hand_over(model, folder)
        return "portable_toys:no_such_function"

    exporter = ToyExporter()
    fleet_of(exporter, hand_over=lie).write(exporter, toy, tmp_path / "made.npz", tmp_path / "log", "toy-npz")

    assert (tmp_path / "made.npz").exists()
    assert [] == list((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize("exports", [True, False])
def test_exports_run_in_a_worker_where_that_is_wanted(
    exports: bool, toy: Model, apart: Runner, fleet_of: Callable[..., Fleet], tmp_path: Path
) -> None:
    exporter: Exporter = ToyExporter()
    fleet = fleet_of(exporter, hand_over=hand_over, exports=exports)
    fleet.write(exporter, toy, tmp_path / "made.npz", tmp_path / "log", "toy-npz")

    assert (["toy"] if exports else []) == fleet.started


def test_what_an_export_leaves_in_cycles_is_gone_once_it_is_over(
    toy: Model, fleet_of: Callable[..., Fleet], tmp_path: Path
) -> None:
    class Cycle:
        def __init__(self) -> None:
            self.itself = self

    left: list[weakref.ref[Cycle]] = []

    @attrs.frozen(kw_only=True)
    class Leaving(ToyExporter):
        def write(self, model: Model, out: Path) -> Any:
            left.append(weakref.ref(Cycle()))
            return ToyExporter.write(self, model, out)

    exporter = Leaving()
    fleet_of(exporter).write(exporter, toy, tmp_path / "made.npz", tmp_path / "log", "toy-npz")

    assert left[0]() is None

"""further_sizes(): sizes that the samples do not have, and what becomes of candidates that baked theirs in."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import navcore as nav
from navcore.contracts import Tensors
from navcore.domain import OptimizationProfile, Status, TrialResult
from navcore.engine.further_sizes import further_sizes
from navcore.engine.shapes import Run, infer_signature
from navcore.testing.toys import TOY_TOOLS, ToyModel, ToyPlugin, ToyRunner, toy_samples

Infer = Callable[[Tensors], Tensors]


def double(feeds: Tensors) -> Tensors:
    return {"y": 2 * feeds["x"]}


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def runs_of(infer: Infer, *samples: Tensors) -> list[Run]:
    return [Run(sample, infer(sample)) for sample in samples]


def tried(
    *shapes: tuple[int, ...], infer: Infer = double, batched: bool = True, **profile: Any
) -> list[tuple[int, ...]]:
    """Shapes of the input x that are added to samples of these shapes."""
    runs = runs_of(infer, *({"x": ones(*shape)} for shape in shapes))
    signature = infer_signature(runs, batched=batched)
    return [run.inputs["x"].shape for run in further_sizes(infer, runs, signature, OptimizationProfile(**profile))]


@pytest.mark.parametrize(
    ("seen", "profile", "expected"),
    [
        ((2, 3), {}, [1, 7]),
        ((1, 2), {}, [7]),
        ((2, 7), {}, [1]),
        ((1, 7), {}, []),
        ((2, 3), {"max_batch_size": 64}, [1, 7]),
        ((2, 3), {"max_batch_size": 6}, [1, 5]),
        ((2, 4), {"max_batch_size": 4}, [1, 3]),
        ((2, 3), {"max_batch_size": 2}, [1]),
        ((2, 3), {"max_batch_size": 1}, [1]),
        ((2, 4), {"batch_sizes": (1, 3)}, [1, 3]),
        ((2, 4), {"batch_sizes": (32,)}, [1, 7]),
        ((2, 4), {"batch_sizes": (32,), "max_batch_size": 1}, [1]),
    ],
)
def test_a_batch_of_one_and_an_odd_one_are_added_within_the_limit(
    seen: tuple[int, int], profile: dict[str, Any], expected: list[int]
) -> None:
    assert [(size, 3) for size in expected] == tried(*((size, 3) for size in seen), **profile)


@given(st.lists(st.integers(1, 40), min_size=2, max_size=5, unique=True), st.integers(1, 40))
def test_no_batch_is_ever_larger_than_the_largest_or_one_that_was_seen(seen: list[int], limit: int) -> None:
    sizes = [shape[0] for shape in tried(*((size, 3) for size in seen), max_batch_size=limit)]

    assert all(size <= limit and size % 2 and size not in seen for size in sizes)
    assert len(sizes) == len(set(sizes)) <= 2


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [((4, 12), [7]), ((5, 9), [7]), ((4, 6), [5]), ((4, 5), []), ((3, 5), []), ((4, 6, 5), []), ((1, 100), [51])],
)
def test_an_odd_size_inside_the_range_of_another_dimension_is_added(
    lengths: Sequence[int], expected: list[int]
) -> None:
    shapes = [(1 if place == 0 else 7, length) for place, length in enumerate(lengths)]
    found = tried(*shapes, max_batch_size=7)

    assert expected == [shape[1] for shape in found]


def test_a_size_near_the_middle_may_lie_on_either_side() -> None:
    (found,) = tried((1, 4), (7, 12))

    assert found[1] in (7, 9)


def test_the_sample_that_is_longest_is_cut_on_every_axis_of_that_name() -> None:
    def infer(feeds: Tensors) -> Tensors:
        return {"y": feeds["words"] * feeds["mask"], "same": feeds["fixed"]}

    def sample(batch: int, length: int) -> Tensors:
        words = np.arange(batch * length, dtype=np.float32).reshape(batch, length)
        return {"words": words, "mask": words + 1, "fixed": ones(5)}

    runs = runs_of(infer, sample(1, 4), sample(7, 10))
    (found,) = further_sizes(infer, runs, infer_signature(runs, batched=True), OptimizationProfile())

    assert {"words": (7, 7), "mask": (7, 7), "fixed": (5,)} == {
        name: array.shape for name, array in found.inputs.items()
    }
    np.testing.assert_array_equal(runs[1].inputs["words"][:, :7], found.inputs["words"])
    assert all(array.flags.c_contiguous for array in found.inputs.values())


def test_dimensions_are_tried_one_at_a_time() -> None:
    found = tried((1, 4, 20), (7, 10, 30), infer=lambda feeds: {"y": feeds["x"].sum(axis=(1, 2))})

    assert [(7, 7, 30), (7, 10, 25)] == found


def test_a_model_without_a_batch_gets_no_batch_sizes() -> None:
    assert [] == tried((4, 3), batched=False)
    assert [(7,)] == tried((4,), (10,), batched=False)


def test_the_rows_of_a_batch_are_those_of_the_first_sample_and_not_the_same_backwards() -> None:
    samples: list[Tensors] = [{"x": np.float32([[1, 2], [3, 4]])}, {"x": ones(3, 2)}]
    runs = runs_of(double, *samples)
    one, odd = further_sizes(double, runs, infer_signature(runs, batched=True), OptimizationProfile())

    assert [[1, 2]] == one.inputs["x"].tolist()
    assert [[1, 2], [3, 4], [3, 4], [1, 2], [1, 2], [3, 4], [3, 4]] == odd.inputs["x"].tolist()
    assert odd.inputs["x"].tolist() != odd.inputs["x"][::-1].tolist()
    assert (2 * odd.inputs["x"]).tolist() == odd.outputs["y"].tolist()


@pytest.mark.parametrize("error", [ValueError("too few"), MemoryError(), KeyError("x")])
def test_sizes_that_the_source_refuses_are_left_out(error: Exception) -> None:
    def infer(feeds: Tensors) -> Tensors:
        if len(feeds["x"]) == 1:
            raise error
        return double(feeds)

    assert [(7, 3)] == tried((2, 3), (4, 3), infer=infer)


@pytest.mark.parametrize(
    "odd",
    [
        lambda x: {"y": x[:3]},  # not the batch
        lambda x: {"y": x[:, :2]},  # a fixed size that changes
        lambda x: {"y": x[None]},  # another number of axes
        lambda x: {"y": x.astype(np.float64)},
        lambda x: {"y": x, "z": x},
        lambda x: {"z": x},
        lambda x: {},
        lambda x: None,
    ],
)
def test_sizes_at_which_outputs_do_not_follow_the_signature_are_left_out(odd: Callable[[Any], Any]) -> None:
    def infer(feeds: Tensors) -> Tensors:
        found: Tensors = odd(feeds["x"]) if len(feeds["x"]) == 7 else {"y": feeds["x"]}
        return found

    assert [(1, 3)] == tried((2, 3), (4, 3), infer=infer)


def test_outputs_may_have_sizes_that_follow_nothing() -> None:
    def positive(feeds: Tensors) -> Tensors:
        return {"y": feeds["x"][feeds["x"] > 1]}

    samples: list[Tensors] = [{"x": np.float32([[1, 2], [3, 1]])}, {"x": np.float32([[3, 2], [3, 1], [1, 1]])}]
    runs = runs_of(positive, *samples)

    assert 2 == len(further_sizes(positive, runs, infer_signature(runs, batched=True), OptimizationProfile()))


def test_scalars_and_inputs_without_a_batch_stay_as_they_are() -> None:
    def infer(feeds: Tensors) -> Tensors:
        return {"y": feeds["x"] * feeds["scale"] + feeds["bias"]}

    def sample(batch: int) -> Tensors:
        return {"x": ones(batch, 3), "scale": np.float32(2), "bias": ones(3)}  # type: ignore[dict-item]

    runs = [Run(sample(size), infer(sample(size))) for size in (2, 4)]
    runs = [Run({k: np.asarray(v) for k, v in run.inputs.items()}, run.outputs) for run in runs]
    found = further_sizes(infer, runs, infer_signature(runs, batched=True), OptimizationProfile())

    assert [{"x": (size, 3), "scale": (), "bias": (3,)} for size in (1, 7)] == [
        {name: array.shape for name, array in run.inputs.items()} for run in found
    ]


def test_the_samples_that_were_made_up_are_compared_and_not_given(tmp_path: Path) -> None:
    package = optimized(tmp_path, *TOY_TOOLS, optimization_profile=nav.OptimizationProfile(max_batch_size=5, **FEW))

    for found in package.status.trials:
        assert found.agreement is not None
        assert (1, 2, 3, 5) == found.agreement.batch_sizes


FEW: dict[str, Any] = {"window_size": 2, "max_trials": 3, "batch_sizes": None}
STUBBORN = """
import attrs
import numpy as np
from contextlib import contextmanager
from navcore.testing.toys import ToyRunner

@attrs.frozen(kw_only=True)
class Stubborn(ToyRunner):
    how: str = ""

    @contextmanager
    def open(self, model, device):
        with ToyRunner.open(self, model, device) as infer:
            def stubborn(feeds):
                size = len(feeds["x"])
                if self.how == "refuses-one" and size == 1:
                    raise ValueError("expected more than 1 value per channel")
                if self.how == "refuses-odd" and size == 5:
                    raise ValueError("5 is not supported")
                if self.how == "wrong-at-one" and size == 1:
                    return {"y": infer(feeds)["y"] + 1}
                if self.how == "wrong-at-odd" and size == 5:
                    return {"y": np.roll(infer(feeds)["y"], 1, axis=0)}
                if self.how == "pads" and size < 2:
                    return infer({"x": np.resize(feeds["x"], (2, 3))})
                return infer(feeds)
            yield stubborn
"""


@pytest.fixture
def stubborn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A runner with a size that it does not bear, in a module that a worker can import."""
    (tmp_path / "stubborn_toy.py").write_text(textwrap.dedent(STUBBORN), "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("stubborn_toy").Stubborn
    sys.modules.pop("stubborn_toy", None)


def optimized(tmp_path: Path, *tools: Any, samples: Any = None, **options: Any) -> nav.Package:
    profile = nav.OptimizationProfile(max_batch_size=5, window_size=2, max_trials=3)
    registry = nav.load_plugins([ToyPlugin(tools=tools)], installed=False)
    options = {"optimization_profile": profile, "workspace": tmp_path / "w", "quiet": True} | options
    return nav.optimize(ToyModel(), toy_samples() if samples is None else samples, registry=registry, **options)


def tried_with(tmp_path: Path, *runners: ToyRunner, **options: Any) -> TrialResult:
    package = optimized(tmp_path, TOY_TOOLS[0], TOY_TOOLS[2], *runners, **options)
    return next(found for found in package.status.trials if found.runner == "ToyNpz")


@pytest.mark.parametrize("isolate", [True, False])
def test_a_candidate_that_refuses_only_a_batch_of_one_is_kept_with_a_note(
    tmp_path: Path, stubborn: Any, isolate: bool
) -> None:
    found = tried_with(tmp_path, stubborn(how="refuses-one"), isolate=isolate)

    assert Status.OK is found.status
    assert "batch size 1 failed: ValueError: expected more than 1 value per channel" in found.notes
    assert found.agreement is not None
    assert (2, 3, 5) == found.agreement.batch_sizes
    assert [2, 4, 5] == [measurement.batch_size for measurement in found.measurements]


def test_a_candidate_that_refuses_a_batch_of_one_of_the_users_fails(tmp_path: Path, stubborn: Any) -> None:
    found = tried_with(tmp_path, stubborn(how="refuses-one"), samples=toy_samples(batch=1))

    assert Status.FAILED is found.status
    assert found.failure is not None
    assert "expected more than 1 value per channel" in found.failure.reason


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("refuses-odd", "ValueError: 5 is not supported"),
        ("wrong-at-odd", "(batch size 5): "),
        ("wrong-at-one", "(batch size 1): 100.00% of the elements are outside"),
        ("pads", "(batch size 1): shape is [2, 2], expected [1, 2]"),
    ],
)
def test_a_candidate_that_is_wrong_at_a_size_without_a_sample_fails(
    tmp_path: Path, stubborn: Any, how: str, reason: str
) -> None:
    found = tried_with(tmp_path, stubborn(how=how))

    assert Status.FAILED is found.status
    assert found.failure is not None
    assert reason in found.failure.reason


def test_a_candidate_that_baked_its_batch_in_fails_even_if_all_samples_have_it(tmp_path: Path) -> None:
    found = tried_with(tmp_path, ToyRunner(fault="fixed-batch"), samples=toy_samples(batch=3))

    assert Status.FAILED is found.status
    assert found.failure is not None
    assert "expected 3" in found.failure.reason


def test_a_baked_batch_is_fine_where_the_model_is_taken_without_batching(tmp_path: Path) -> None:
    found = tried_with(tmp_path, ToyRunner(fault="fixed-batch"), batching=False)

    assert Status.OK is found.status

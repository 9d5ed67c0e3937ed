"""compare_runs(): what counts as a regression, what does not, and what nobody can tell."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from navcore.domain import (
    Artifact,
    BuildResult,
    DeviceKind,
    Failure,
    Names,
    OutputAgreement,
    PackageStatus,
    Request,
    SampleSummary,
    Signature,
    Status,
    TensorSpec,
    Tolerance,
)
from navcore.engine.regression import Answer, Comparison, compare_runs
from navcore.engine.speed_change import Trend
from navcore.findings import DEFAULT_STRATEGIES
from navcore.formats import Format

from .run_toys import MACHINE, SIGNATURE, agreement, failed, measured, run, works

SOURCE = works("torch", measured(1, 10.0), measured(8, 40.0), hops=0)
ONNX = works("onnx", measured(1, 5.0, source_ms=10.0), measured(8, 20.0, source_ms=40.0))
BEFORE = run(SOURCE, ONNX)


def onnx(one_ms: float = 5.0, eight_ms: float = 20.0, source: float = 1.0, **fields: Any) -> Any:
    """The trial in a run whose source takes so many times as long."""
    sizes = measured(1, one_ms, source_ms=10.0 * source), measured(8, eight_ms, source_ms=40.0 * source)
    return works("onnx", *sizes, **fields)


def torch(times: float) -> Any:
    return works("torch", measured(1, 10.0 * times), measured(8, 40.0 * times), hops=0)


def compared(after: PackageStatus, before: PackageStatus = BEFORE, tolerance: float = 0.1) -> Comparison:
    return compare_runs(before, after, DEFAULT_STRATEGIES, tolerance)


def reasons(comparison: Comparison) -> list[str]:
    return [f"{reason.answer}: {reason}" for reason in comparison.reasons]


def test_the_same_again_is_no_regression() -> None:
    comparison = compared(BEFORE)

    assert Answer.SAME_OR_BETTER is comparison.answer
    assert () == comparison.reasons
    (choice,) = comparison.choices
    assert ("max-throughput-and-min-latency", "min-latency") == choice.strategies
    assert [(1, Trend.SAME), (8, Trend.SAME)] == [(change.batch_size, change.trend) for change in choice.changes]


def test_faster_is_no_regression() -> None:
    assert Answer.SAME_OR_BETTER is compared(run(SOURCE, onnx(3.0, 12.0))).answer


def test_what_is_chosen_is_slower_at_one_batch_size() -> None:
    comparison = compared(run(SOURCE, onnx(5.0, 26.0)))

    assert Answer.REGRESSION is comparison.answer
    assert ["regression: onnx on Runner takes 1.30 times as long [1.27, 1.33] at batch size 8"] == reasons(comparison)


def test_a_difference_within_the_tolerance_is_none() -> None:
    after = run(SOURCE, onnx(5.3, 21.0))

    assert Answer.SAME_OR_BETTER is compared(after).answer
    assert Answer.REGRESSION is compared(after, tolerance=0.03).answer


def test_a_route_that_is_not_used_may_be_slower() -> None:
    comparison = compared(run(torch(2.0), onnx(5.0, 20.0)))

    assert Answer.SAME_OR_BETTER is comparison.answer
    assert [Trend.SLOWER] * 2 == [change.trend for change in comparison.trials[0].changes]


def test_where_the_source_became_slower_alike_nobody_can_tell() -> None:
    comparison = compared(run(torch(1.5), onnx(7.5, 30.0, source=1.5)))

    assert Answer.UNSURE is comparison.answer
    assert (
        "can't tell: onnx on Runner takes 1.50 times as long [1.47, 1.53] at batch size 1, but so does torch on Runner "
        "(1.50 times): the machine has become slower, or the model itself; measure both again, one right after the "
        "other"
    ) == reasons(comparison)[0]


def test_what_became_slower_alike_at_another_batch_size_is_an_excuse_too() -> None:
    source = works("torch", measured(1, 10.0), measured(8, 60.0), hops=0)
    comparison = compared(run(source, onnx(7.0, 20.0)))

    assert Answer.UNSURE is comparison.answer
    assert "but so does torch on Runner (1.50 times at batch size 8)" in reasons(comparison)[0]


def test_slower_than_the_source_became_is_a_regression() -> None:
    comparison = compared(run(torch(1.2), onnx(10.0, 40.0, source=1.2)))

    assert Answer.REGRESSION is comparison.answer
    assert all("takes 2.00 times" in reason for reason in reasons(comparison))


@pytest.mark.parametrize(
    ("expected", "times"), [(Answer.SAME_OR_BETTER, 1.05), (Answer.UNSURE, 2.0), (Answer.REGRESSION, 2.5)]
)
def test_with_nothing_beside_it_only_what_a_busy_neighbour_does_not_explain_is_a_regression(
    expected: Answer, times: float
) -> None:
    comparison = compared(run(torch(times)), run(SOURCE))

    assert expected is comparison.answer
    if expected is Answer.UNSURE:
        assert "and nothing that was measured beside it in both runs shows whether" in reasons(comparison)[0]


def test_a_source_that_is_chosen_is_held_against_what_else_was_measured() -> None:
    slow = works("script", measured(1, 20.0), measured(8, 80.0))

    assert Answer.REGRESSION is compared(run(torch(1.5), slow), run(SOURCE, slow)).answer


def test_a_pick_is_no_excuse_for_the_one_that_took_its_place() -> None:
    comparison = compared(run(SOURCE, onnx(15.0, 60.0)))

    assert Answer.REGRESSION is comparison.answer
    assert "torch on Runner, chosen in place of onnx on Runner, takes 2.00 times" in reasons(comparison)[0]


def test_another_choice_is_compared_with_the_one_before() -> None:
    other = works("onnx/openvino-ir", measured(1, 4.9), measured(8, 19.0))
    better = compared(run(SOURCE, ONNX, other))
    (worse,) = compared(
        BEFORE, run(SOURCE, ONNX, works("onnx/openvino-ir", measured(1, 2.0), measured(8, 8.0)))
    ).choices

    assert Answer.SAME_OR_BETTER is better.answer
    assert worse.before is not None
    assert worse.after is not None
    assert ("onnx/openvino-ir", "onnx") == (worse.before.trial.route, worse.after.trial.route)


def test_a_slower_choice_in_place_of_one_that_was_not_tried_is_a_regression() -> None:
    comparison = compared(run(SOURCE))

    assert Answer.REGRESSION is comparison.answer
    assert "regression: torch on Runner, chosen in place of onnx on Runner, takes 2.00 times" in reasons(comparison)[0]


@pytest.mark.parametrize("kind", ["exception", "disagrees", "crash", "timeout", "out-of-memory", "verify"])
def test_a_route_that_worked_and_fails_is_a_regression_though_the_choice_is_as_fast(kind: str) -> None:
    comparison = compared(run(failed("torch", kind), ONNX))

    assert Answer.REGRESSION is comparison.answer
    assert [f"regression: torch on Runner worked and fails now ({kind}): no such operator"] == reasons(comparison)


@pytest.mark.parametrize("kind", ["budget", "interrupted", "disk-full"])
def test_a_route_that_was_not_tried_to_the_end_tells_nothing(kind: str) -> None:
    comparison = compared(run(failed("torch", kind, Status.SKIPPED), ONNX))

    assert Answer.UNSURE is comparison.answer
    assert ["can't tell: torch on Runner worked and was not tried to the end now: no such operator"] == reasons(
        comparison
    )


def build(route: str, kind: str = "", status: Status = Status.FAILED) -> BuildResult:
    if not kind:
        return BuildResult(route, route, Status.OK, 1.0, Artifact(Format.ONNX, f"artifacts/{route}", SIGNATURE, ()))
    return BuildResult(route, route, status, 1.0, failure=Failure(kind, f"{route} said why"))


@pytest.mark.parametrize(("expected", "kind"), [(Answer.REGRESSION, "timeout"), (Answer.UNSURE, "budget")])
def test_a_route_whose_parent_fails_says_why_that_did(expected: Answer, kind: str) -> None:
    before = run(
        SOURCE, works("onnx/openvino-ir", measured(1, 20.0)), builds=[build("onnx"), build("onnx/openvino-ir")]
    )
    builds = build("onnx", kind), build("onnx/openvino-ir", "parent", Status.SKIPPED)
    comparison = compared(run(SOURCE, failed("onnx/openvino-ir", "parent", Status.SKIPPED), builds=builds), before)

    assert expected is comparison.answer
    assert "onnx said why" in reasons(comparison)[0]


def test_an_artifact_that_nothing_ran_and_that_fails_now_is_a_regression() -> None:
    comparison = compared(run(SOURCE, builds=[build("onnx", "exception")]), run(SOURCE, builds=[build("onnx")]))

    assert ["regression: onnx (build) was made and fails now: onnx said why"] == reasons(comparison)


def test_what_failed_before_may_fail_again() -> None:
    before = run(SOURCE, failed("onnx"), builds=[build("onnx", "exception")])

    assert Answer.SAME_OR_BETTER is compared(before, before).answer


def test_something_that_works_after_nothing_did_is_better() -> None:
    assert Answer.SAME_OR_BETTER is compared(run(SOURCE), run(failed("torch"))).answer


def test_nothing_that_works_any_more_is_a_regression() -> None:
    comparison = compared(run(failed("torch"), failed("onnx")))

    assert Answer.REGRESSION is comparison.answer
    assert "finds nothing that works any more" in reasons(comparison)[-1]


def test_nothing_in_either_run_tells_nothing() -> None:
    nothing = run(failed("torch"))

    assert ["can't tell: nothing works in either run"] == reasons(compared(nothing, nothing))


def test_an_empty_later_run_tells_nothing() -> None:
    assert Answer.UNSURE is compared(run()).answer


def test_no_batch_size_in_common_tells_nothing() -> None:
    comparison = compared(run(works("onnx", measured(4, 5.0))), run(works("onnx", measured(8, 5.0))))

    assert ["can't tell: onnx on Runner was not measured at any batch size of the earlier run"] == reasons(comparison)


def test_noise_in_what_is_used_tells_nothing() -> None:
    noisy = works("onnx", measured(1, 5.0, spread=15), measured(8, 20.0))
    comparison = compared(run(SOURCE, noisy))

    assert Answer.UNSURE is comparison.answer
    assert reasons(comparison)[0].endswith("at batch size 1: the measurements are too noisy to tell")


def test_a_regression_at_one_batch_size_outweighs_noise_at_another() -> None:
    assert (
        Answer.REGRESSION is compared(run(SOURCE, works("onnx", measured(1, 5.0, spread=15), measured(8, 40.0)))).answer
    )


SLOW = run(SOURCE, onnx(50.0, 200.0))


def on(**facts: str) -> PackageStatus:
    """The slow run on a machine with these facts."""
    named = {name.replace("_", "."): value for name, value in facts.items()}
    return attrs.evolve(SLOW, environment=tuple({**dict(MACHINE), **named}.items()))


@pytest.mark.parametrize(
    ("expected", "after"),
    [
        ("the machine is another one: cpu.name was 'AMD EPYC' and is 'Intel Xeon'", on(cpu_name="Intel Xeon")),
        ("the machine is another one: cpu.cores was '8' and is '4'", on(cpu_cores="4")),
        (
            "the machine may be another one: nobody noted its cpu.name",
            attrs.evolve(SLOW, environment=(("torch", "2.13.0"),)),
        ),
        (
            "the device is another one: it was cpu and is cuda",
            attrs.evolve(SLOW, request=Request(device=DeviceKind.CUDA)),
        ),
        (
            "the sample that was timed has other sizes: {'x': (3,)} before, {'x': (5,)} now",
            attrs.evolve(SLOW, samples=(SampleSummary((("x", (2, 5)),), 2),)),
        ),
        (
            "the model is another one: its inputs were x: float32 and are ids: int64",
            attrs.evolve(SLOW, signature=Signature((TensorSpec("ids", "int64", (3,)),), SIGNATURE.outputs)),
        ),
    ],
)
def test_runs_that_cannot_be_compared_tell_nothing_however_slow(expected: str, after: PackageStatus) -> None:
    comparison = compared(after)

    assert Answer.UNSURE is comparison.answer
    assert f"can't tell: {expected}" == reasons(comparison)[0]


def test_other_versions_and_batch_sizes_of_samples_are_no_obstacle() -> None:
    later = attrs.evolve(
        BEFORE,
        samples=(SampleSummary((("x", (4, 3)),), 4),),
        environment=tuple({**dict(MACHINE), "torch": "2.14.0", "memory.bytes": "200"}.items()),
    )

    assert Answer.SAME_OR_BETTER is compared(later).answer


def test_a_gpu_that_nobody_noted_may_be_another_one() -> None:
    on_gpu = attrs.evolve(BEFORE, request=Request(device=DeviceKind.CUDA))

    assert ["can't tell: the machine may be another one: nobody noted its cuda.device"] == reasons(
        compared(on_gpu, on_gpu)
    )


def held_to(tolerance: Any, max_abs: float, max_rel: float, **request: Any) -> PackageStatus:
    return run(SOURCE, onnx(agreement=agreement(max_abs, max_rel)), request=Request(tolerance=tolerance, **request))


@pytest.mark.parametrize(
    ("answer", "before", "after", "max_abs", "max_rel"),
    [
        (Answer.REGRESSION, None, Tolerance(atol=1.0), 0.1, 1e-2),  # 2e-4 of the largest value is the default
        (Answer.SAME_OR_BETTER, None, Tolerance(atol=1.0), 1e-3, 1e-4),
        (Answer.REGRESSION, Tolerance(atol=1e-3), Tolerance(atol=1.0), 2e-3, 1e-6),
        (Answer.SAME_OR_BETTER, Tolerance(atol=1e-3), Tolerance(atol=1.0), 5e-4, 1.0),
        (Answer.UNSURE, Tolerance(atol=1e-3, rtol=1e-2), Tolerance(atol=1.0), 0.2, 0.1),  # of values up to 2 or more
        (Answer.SAME_OR_BETTER, Tolerance(atol=1e-3, rtol=1e-2), Tolerance(atol=1e-3, rtol=1e-2), 0.2, 0.1),
        (Answer.REGRESSION, (("y", Tolerance(atol=1e-3)),), (("y", Tolerance(atol=1.0)),), 2e-3, 1e-6),
        (Answer.SAME_OR_BETTER, (("y", Tolerance(atol=1e-3)),), (("y", Tolerance(atol=1e-3)),), 2e-3, 1e-6),
        (Answer.REGRESSION, None, Tolerance(atol=1e9), float("inf"), float("inf")),
        (Answer.REGRESSION, None, Tolerance(atol=1e9), float("nan"), float("nan")),
    ],
)
def test_outputs_are_held_to_the_tolerance_of_the_earlier_run(
    answer: Answer, before: Any, after: Any, max_abs: float, max_rel: float
) -> None:
    assert answer is compared(held_to(after, max_abs, max_rel), held_to(before, 0.0, 0.0)).answer


def test_a_looser_precision_is_a_looser_tolerance() -> None:
    comparison = compared(held_to(None, 0.1, 1e-2, precision="bf16"), held_to(None, 0.0, 0.0))

    assert ["regression: onnx on Runner has an error of 0.1 in output 'y', above the tolerance of the earlier run"] == (
        reasons(comparison)
    )


def test_the_trials_of_both_runs_are_listed_once() -> None:
    only_new = works("torchscript", measured(1, 30.0))
    comparison = compared(run(only_new, SOURCE))

    assert [("torch", True, True), ("onnx", True, False), ("torchscript", False, True)] == [
        (trial.route, trial.before is not None, trial.after is not None) for trial in comparison.trials
    ]


@given(st.floats(0.2, 5.0), st.floats(0.0, 20.0), st.floats(0.0, 1.0))
def test_whoever_is_slower_than_the_other_the_other_is_not(times: float, spread: float, tolerance: float) -> None:
    first = run(works("onnx", measured(1, 10.0, spread=spread)))
    second = run(works("onnx", measured(1, 10.0 * times, spread=spread)))
    answers = {compared(second, first, tolerance).answer, compared(first, second, tolerance).answer}

    assert {Answer.REGRESSION} != answers
    assert (Answer.REGRESSION not in answers) or Answer.SAME_OR_BETTER in answers


def test_outputs_that_only_one_run_has_are_left_to_the_engine() -> None:
    odd = OutputAgreement("z", 9.0, 9.0, 9.0, 0.0, 0.0, 0.0, within=True)
    after = run(
        SOURCE,
        onnx(agreement=attrs.evolve(agreement(), outputs=(odd,))),
        request=Request(tolerance=Tolerance(atol=10.0), names=Names()),
    )

    assert Answer.SAME_OR_BETTER is compared(after).answer

"""precision=: tools that lower the precision take part where they were asked for, with the tolerance of theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

import navcore as nav
from navcore.contracts import Tool
from navcore.domain import DeviceKind, PackageStatus, Request, Status
from navcore.engine.plan import coarser, make_plan
from navcore.errors import UnknownNameError
from navcore.formats import Format
from navcore.options import configured, make_request
from navcore.plugins import load_plugins
from navcore.registry import Registry
from navcore.testing.toys import TOY_LIVE, TOY_NPZ, ToyExporter, ToyModel, ToyPlugin, ToyRunner, toy_samples

LIVE = ToyRunner(name="ToyLive", accepts=TOY_LIVE, plain=True)
HALF = ToyExporter(name="toy-npz-fp16", precision="fp16")
BRAIN = ToyRunner(name="ToyNpz-bf16", precision="bf16")
TOOLS = (LIVE, ToyRunner(), ToyExporter(), HALF, BRAIN)


def registry(*tools: Tool) -> Registry:
    return load_plugins([ToyPlugin(tools=tools)], installed=False)


def subjects(*precisions: str, tools: tuple[Tool, ...] = TOOLS, **options: Any) -> dict[str, str | None]:
    plan = make_plan(TOY_LIVE, registry(*tools), Request(precisions=precisions, **options))
    return {trial.subject: trial.precision for trial in plan.trials}


def test_nothing_is_lowered_unasked_and_the_plan_says_what_was_left_out() -> None:
    plan = make_plan(TOY_LIVE, registry(*TOOLS), Request())

    assert ["toy-live on ToyLive", "toy-npz on ToyNpz"] == [trial.subject for trial in plan.trials]
    assert [
        (
            "ToyNpz-bf16",
            "it lowers the model to bf16, which was not asked for",
            "precision='bf16', or precision='auto'",
        ),
        (
            "toy-npz-fp16",
            "it lowers the model to fp16, which was not asked for",
            "precision='fp16', or precision='auto'",
        ),
    ] == [attrs.astuple(omission) for omission in plan.omissions]


def test_what_is_asked_for_takes_part_and_a_trial_has_the_lowest_precision_on_its_way() -> None:
    assert {
        "toy-live on ToyLive": None,
        "toy-npz on ToyNpz": None,
        "toy-npz on ToyNpz-bf16": "bf16",
        "toy-npz-fp16 on ToyNpz": "fp16",
        "toy-npz-fp16 on ToyNpz-bf16": "bf16",
    } == subjects("fp16", "bf16")


def test_a_runner_that_is_named_is_asked_for() -> None:
    assert {"toy-npz on ToyNpz-bf16": "bf16"} == subjects(runners=("ToyNpz-bf16",))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (None, ()),
        ("bf16", ("bf16",)),
        (("int8", "fp32"), ("fp32", "int8")),
        ("auto", ("fp32", "fp16", "bf16", "fp8", "int8", "nvfp4")),
    ],
)
def test_precision_takes_a_name_several_or_auto(given: Any, meant: tuple[str, ...]) -> None:
    assert meant == make_request(registry(*TOOLS), TOY_LIVE, precisions=given).precisions


def test_a_precision_that_does_not_exist_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"no precision named 'fp61'[\s\S]*did you mean 'fp16'"):
        make_request(registry(*TOOLS), TOY_LIVE, precisions=("fp61",))


@pytest.mark.parametrize(
    ("first", "second", "lower"),
    [
        (None, None, None),
        (None, "fp16", "fp16"),
        ("bf16", "fp16", "bf16"),
        ("fp32", None, "fp32"),
        ("int8", "fp8", "int8"),
    ],
)
def test_the_lower_of_two_precisions(first: str | None, second: str | None, lower: str | None) -> None:
    assert lower == coarser(first, second)


@attrs.frozen
class Config:
    """Asks for one lowered tool of its format."""

    format: Format = TOY_NPZ
    precisions: tuple[str, ...] = ("bf16",)

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        return tools


def test_a_config_asks_for_its_own_tools_alone() -> None:
    elsewhere = ToyRunner(name="ToyLive-bf16", accepts=TOY_LIVE, precision="bf16")
    plan = make_plan(TOY_LIVE, configured(registry(*TOOLS, elsewhere), [Config()]), Request())

    assert ["ToyLive", "ToyNpz", "ToyNpz-bf16"] == [trial.runner.name for trial in plan.trials]


@attrs.frozen(kw_only=True)
class OffRunner(ToyRunner):
    """Gives 1 % too much, which is within what bf16 may be off, and not within what fp32 may."""

    def _infer(self, model: Any) -> Any:
        infer = super()._infer(model)
        return lambda feeds: {name: array * type(array.flat[0])(1.01) for name, array in infer(feeds).items()}


def results(folder: Path, *tools: Tool) -> PackageStatus:
    return nav.optimize(
        ToyModel(),
        toy_samples(),
        precision="bf16",
        target_device=DeviceKind.CPU,
        registry=registry(LIVE, ToyExporter(), *tools),
        optimization_profile=nav.OptimizationProfile(batch_sizes=(2,), min_trials=1, max_trials=1),
        workspace=folder,
        isolate=False,
        quiet=True,
    ).status


def test_a_lowered_candidate_has_the_tolerance_of_its_precision(tmp_path: Path) -> None:
    status = results(tmp_path / "w", OffRunner(name="Off-bf16", precision="bf16"), OffRunner(name="Off"))
    found = {trial.runner: (trial.status, trial.precision) for trial in status.trials}

    assert (Status.OK, "bf16") == found["Off-bf16"]
    assert (Status.FAILED, None) == found["Off"]

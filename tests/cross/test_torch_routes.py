"""docs/torch-routes.md: every route on every model of the zoo has an answer, and the answers are true."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

import navcore as nav
from navcore.engine.compare import default_tolerance
from navcore.formats import Format
from navcore.registry import Registry

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))  # where the table is made; workers take the path from here

from frameworks import FRAMEWORKS  # noqa: E402
from route_facts import every_tool, facts_of, plan_of, try_everything  # noqa: E402
from route_page import render  # noqa: E402
from torch_zoo import MODELS, load  # noqa: E402

TORCH = FRAMEWORKS["torch"]

PAGE = ROOT / "docs" / "torch-routes.md"
FACTS = json.loads(PAGE.with_suffix(".json").read_text("utf-8"))

EXPLAINED = {
    *("exception", "missing-dependency", "unsupported-operator", "signature", "disagrees", "unsuited"),
}
"""Kinds of failure that are an answer. A crash, a time-out or a full disk is none, and a parent has its own reason."""

AGAIN = tuple(name for name in MODELS if name != "unet")
"""Models whose tiny form has the structure of the full one, so that the same works for both."""

if "NAVCORE_ZOO" not in os.environ:  # these have the structure of others: `NAVCORE_ZOO=all` tries them, a minute more
    AGAIN = tuple(name for name in AGAIN if name not in {"resnet18", "minilm", "gpt2", "embedding"})

COMPILED = "optional_inputs"
"""The one that is compiled, too, which takes longest."""


def subject(route: dict[str, Any]) -> str:
    return f"{route['route']} on {route['runner']}"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return nav.load_plugins()


def test_the_page_is_what_its_facts_give() -> None:
    assert render(TORCH, FACTS) == PAGE.read_text("utf-8")


def test_every_model_of_the_zoo_is_in_the_table() -> None:
    assert list(MODELS) == list(FACTS["models"])


def test_every_tool_that_is_registered_is_in_the_table_or_left_out_with_a_reason(registry: Registry) -> None:
    told = {name for route in FACTS["routes"] for name in (*route["route"].split("/"), route["runner"])}
    told |= {name for name, reason in FACTS["left_out"].items() if reason}
    plan = plan_of(TORCH, every_tool(TORCH, registry))

    assert [] == [omission.subject for omission in plan.omissions if omission.subject not in told]
    left_out = set(FACTS["left_out"])
    assert {subject(route) for route in FACTS["routes"]} >= {
        trial.subject for trial in plan.trials if not {*trial.route.edges, trial.runner.name} & left_out
    }


def test_no_route_is_in_the_table_that_is_not_registered(registry: Registry) -> None:
    ours = every_tool(TORCH, registry)
    known = {tool.name for tool in (*ours.edges, *ours.runners)} | {"torch"}

    assert [] == [
        subject(route) for route in FACTS["routes"] if not {*route["route"].split("/"), route["runner"]} <= known
    ]


@pytest.mark.parametrize("name", MODELS)
def test_every_route_of_a_model_has_a_cell(name: str) -> None:
    assert {subject(route) for route in FACTS["routes"]} == set(FACTS["models"][name]["cells"])


@pytest.mark.parametrize("name", MODELS)
def test_what_works_is_within_the_tolerance_of_its_precision(name: str) -> None:
    model = FACTS["models"][name]
    limits = {
        subject(route): max(
            limit.scale + limit.rtol
            for limit in (default_tolerance(dtype, route["precision"]) for dtype in model["outputs"].values())
        )
        for route in FACTS["routes"]
    }
    working = {place: cell["max_error"] for place, cell in model["cells"].items() if cell["works"]}

    assert "torch on TorchCPU" in working
    assert {} == {
        place: error for place, error in working.items() if not (math.isfinite(error) and error <= limits[place])
    }


@pytest.mark.parametrize("name", MODELS)
def test_what_does_not_work_says_why_in_one_sentence(name: str) -> None:
    failed = {place: cell for place, cell in FACTS["models"][name]["cells"].items() if not cell["works"]}

    assert {} == {place: cell["kind"] for place, cell in failed.items() if cell["kind"] not in EXPLAINED}
    assert {} == {place: cell["reason"] for place, cell in failed.items() if not is_sentence(cell["reason"])}


def is_sentence(reason: str) -> bool:
    """One line of some words, with no bare exception, address or folder of the machine in it."""
    return (
        len(reason.split()) >= 4
        and len(reason) <= 400
        and "\n" not in reason
        and not re.search(r"no message|0x[0-9a-f]{6}|(^|[\s'\"(])/\w+/", reason)
    )


def test_the_page_names_the_versions_it_holds_for() -> None:
    assert {"torch", "onnxruntime", "openvino", "transformers", "processor"} <= set(FACTS["environment"])


def without_compilers(registry: Registry) -> Registry:
    """What exports, converts and runs without compiling C++."""
    edges = tuple(edge for edge in registry.edges if edge.target != Format.TORCH_AOTI)
    return attrs.evolve(
        registry, edges=edges, runners=tuple(runner for runner in registry.runners if "Compile" not in runner.name)
    )


@pytest.fixture(scope="module", params=AGAIN)
def again(
    request: pytest.FixtureRequest, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, Any]]:
    """A tiny model, and its row as it is today."""
    pytest.importorskip("torch", reason="the models of the zoo are torch modules")
    pytest.importorskip("transformers", reason="two of them are models of transformers")
    loaded = load(request.param, "tiny")
    tools = every_tool(TORCH, registry)
    package = try_everything(
        loaded,
        tools if request.param == COMPILED else without_compilers(tools),
        workspace=tmp_path_factory.mktemp("again") / "w",
        isolate=False,  # quicker: no worker imports torch
    )
    return request.param, facts_of(package, loaded)


def test_a_model_that_is_tried_again_gives_what_the_table_says(again: tuple[str, dict[str, Any]]) -> None:
    name, row = again
    told = FACTS["models"][name]["cells"]
    both = set(told) & set(row["cells"])

    assert {place: told[place]["works"] for place in both} == {place: row["cells"][place]["works"] for place in both}
    assert {place: told[place].get("kind") for place in both} == {
        place: row["cells"][place].get("kind") for place in both
    }
    assert {"torch on TorchCPU", "torch-exportedprogram on TorchExportedProgramCPU", "onnx on OnnxCPU"} <= both
    assert (name == COMPILED) == ("torch on TorchCompileCPU" in both)


def test_a_model_of_the_zoo_is_the_same_each_time_and_leaves_the_seed_alone() -> None:
    torch = pytest.importorskip("torch", reason="the models of the zoo are torch modules")
    state = torch.random.get_rng_state()
    first, second = (load("tied", "tiny") for _ in range(2))

    assert torch.equal(state, torch.random.get_rng_state())
    for left, right in zip(first.module.parameters(), second.module.parameters(), strict=True):
        assert torch.equal(left, right)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_the_zoo_has_samples_of_two_batch_sizes_and_is_in_eval_mode(name: str) -> None:
    torch = pytest.importorskip("torch", reason="the models of the zoo are torch modules")
    pytest.importorskip("transformers", reason="two of them are models of transformers")
    loaded = load(name, "tiny")
    leaves = [torch.utils._pytree.tree_leaves(sample) for sample in loaded.samples]

    assert 2 <= len({leaf.shape[0] for sample in leaves for leaf in sample[:1]})
    assert not loaded.module.training

"""docs/torch-routes.md."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from navcore.formats import Format
from navcore.registry import Registry

sys.path.append(str(Path(__file__).parent))

from routes_suite import RoutesSuite, again, differences, every_tool
from torch_zoo import MODELS, ZOO, load

AGAIN = tuple(name for name in MODELS if name != "unet")
"""Models whose tiny form has the structure of the full one, so that the same works for both."""

if "NAVCORE_ZOO" not in os.environ:  # these have the structure of others: `NAVCORE_ZOO=all` tries them, a minute more
    AGAIN = tuple(name for name in AGAIN if name not in {"resnet18", "minilm", "gpt2", "embedding"})

COMPILED = "optional_inputs"
"""The one that is compiled, too, which takes longest."""


def without_compilers(registry: Registry) -> Registry:
    """What exports, converts and runs without compiling C++."""
    edges = tuple(edge for edge in registry.edges if edge.target != Format.TORCH_AOTI)
    return attrs.evolve(
        registry, edges=edges, runners=tuple(runner for runner in registry.runners if "Compile" not in runner.name)
    )


class TestTorchRoutes(RoutesSuite):
    zoo = ZOO
    versions = frozenset({"torch", "onnxruntime", "openvino", "transformers"})

    @pytest.mark.parametrize("name", AGAIN)
    def test_a_model_that_is_tried_again_gives_what_the_table_says(
        self, name: str, facts: dict[str, Any], registry: Registry, tmp_path: Path
    ) -> None:
        pytest.importorskip("torch", reason="the models of the zoo are torch modules")
        pytest.importorskip("transformers", reason="two of them are models of transformers")
        tools = every_tool(registry, ZOO)
        row = again(ZOO, name, tools if name == COMPILED else without_compilers(tools), tmp_path)
        told = facts["models"][name]
        both = set(told["cells"]) & set(row["cells"])

        assert {} == differences(told, row, both)
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

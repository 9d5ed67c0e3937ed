"""docs/jax-routes.md."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from navcore.registry import Registry

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[2] / "benchmarks")]

from jax_zoo import MODELS, ZOO
from routes_suite import RoutesSuite, again, differences, every_tool

AGAIN = MODELS if "NAVCORE_ZOO" in os.environ else ("nested",)
"""The others are optimised by tests/nav_jax: `NAVCORE_ZOO=all` compares them with the table, too, a minute more."""


class TestJaxRoutes(RoutesSuite):
    zoo = ZOO
    versions = frozenset({"jax", "flax", "jax2onnx", "onnxruntime", "openvino"})

    @pytest.mark.parametrize("name", AGAIN)
    def test_a_model_that_is_tried_again_gives_what_the_table_says(
        self, name: str, facts: dict[str, Any], registry: Registry, tmp_path: Path
    ) -> None:
        pytest.importorskip("flax", reason="two models of the zoo are of Flax")
        row = again(ZOO, name, every_tool(registry, ZOO), tmp_path)
        told = facts["models"][name]
        both = set(told["cells"]) & set(row["cells"])

        assert {} == differences(told, row, both)
        assert {"jax on JAXCPU", "jax-stablehlo on JAXExportedCPU", "jax-onnx on OnnxCPU"} <= both

"""docs/tensorflow-routes.md."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from navcore.registry import Registry

sys.path.append(str(Path(__file__).parent))

from routes_suite import RoutesSuite, again, differences, every_tool
from tf_zoo import ZOO, load

AGAIN = ("multi", "lstm")
"""With all that is special about inputs and outputs, and with all that fails."""


class TestTensorFlowRoutes(RoutesSuite):
    zoo = ZOO
    versions = frozenset({"tensorflow-cpu", "keras", "tf2onnx", "ai-edge-litert", "onnxruntime", "openvino"})

    @pytest.mark.parametrize("name", AGAIN)
    def test_a_model_that_is_tried_again_gives_what_the_table_says(
        self, name: str, facts: dict[str, Any], registry: Registry, tmp_path: Path
    ) -> None:
        for module in ("tensorflow", "tf2onnx", "ai_edge_litert"):
            pytest.importorskip(module, reason="the models of the zoo are tried with it")
        row = again(ZOO, name, every_tool(registry, ZOO), tmp_path)
        told = facts["models"][name]
        both = set(told["cells"]) & set(row["cells"])

        assert {} == differences(told, row, both)
        assert {"tf-savedmodel/onnx on OnnxCPU", "tf-savedmodel/tflite on LiteRTCPU"} <= both


def test_a_model_of_the_zoo_is_the_same_each_time_with_samples_of_two_batch_sizes() -> None:
    pytest.importorskip("tensorflow", reason="the models of the zoo are of Keras on TensorFlow")
    first, second = (load("transformer", "tiny") for _ in range(2))

    for left, right in zip(first.module.weights, second.module.weights, strict=True):
        np.testing.assert_array_equal(left, right)
    assert 2 == len({sample.shape[0] for sample in first.samples})

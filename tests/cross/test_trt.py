"""From an ONNX file to engines on a machine without a GPU: planned, built, packed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import navcore as nav
from navcore.domain import Range, Status

pytest.importorskip("nav_trt")
from nav_trt import TensorRTConverter, TensorRTRunner

MISSING, NO_GPU = TensorRTConverter().unavailable(), TensorRTRunner().unavailable()
pytestmark = [
    pytest.mark.skipif(MISSING is not None, reason=f"{MISSING} (or tools/tensorrt_rtx/install.py)"),
    pytest.mark.skipif(NO_GPU is None, reason="there is a GPU"),
]


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers, with a dynamic batch."""
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(size=(8, 8)).astype(np.float32) for name in ("first", "second")}
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["a"], name="one"),
        helper.make_node("Relu", ["a"], ["b"], name="two"),
        helper.make_node("MatMul", ["b", "second"], ["y"], name="three"),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 8]) for name in "xy")
    initializers = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "net", [x], [y], initializers)
    path = tmp_path_factory.mktemp("net") / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def _nav(*arguments: object) -> dict[str, Any]:
    code = "from navcore.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments), "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_the_plan_shows_that_engines_can_be_built_and_not_run(net: Path) -> None:
    plan = _nav("plan", net)

    assert {"route": "onnx/trt", "reason": str(NO_GPU).partition("; ")[0]} in plan["idle"]
    assert "onnx/trt" not in [build["route"] for build in plan["builds"]]


def test_the_command_line_builds_them(net: Path, tmp_path: Path) -> None:
    target = ("--device", "cuda", "--target-format", "trt", "--precision", "fp16")
    _nav("optimize", net, "--build-only", "--workspace", tmp_path / "workspace", *target)
    plans = sorted(path.parent.name for path in (tmp_path / "workspace" / "artifacts").glob("*/model.plan"))

    assert ["onnx+onnx-fp16+trt", "onnx+trt", "onnx+trt-fp16"] == plans


def test_a_package_of_engines_is_prepared_for_another_machine(net: Path, tmp_path: Path) -> None:
    samples = [np.ones((size, 8), np.float32) for size in (2, 3)]
    configs = [nav.TensorRTConfig(precision=("fp32", "int8"), max_batch_size=8), _symmetric_int8()]
    package = nav.onnx.optimize(
        net,
        samples,
        target_device="cuda",
        build_only=True,
        custom_configs=configs,
        workspace=tmp_path / "workspace",
        quiet=True,
    )
    nav.package.save(package, tmp_path / "net.nav")
    loaded = nav.package.load(tmp_path / "net.nav", workspace=tmp_path / "loaded")
    found = {build.route: build for build in loaded.status.builds}

    assert {"onnx/trt", "onnx/trt-int8", "onnx/onnx-int8/trt"} <= set(found)
    for route in ("onnx/trt", "onnx/trt-int8", "onnx/onnx-int8/trt"):
        assert (Status.OK, None) == (found[route].status, found[route].failure)
        assert Range("batch", 1, 8) in found[route].artifact.signature.ranges
        assert {"tensorrt.gpu", "tensorrt.version"} == {name for name, _ in found[route].artifact.built_for}
    assert "unsuited" == found["onnx/onnx-int8/trt-int8"].failure.kind


def _symmetric_int8() -> Any:
    """As TensorRT wants Q/DQ pairs."""
    return nav.OnnxQuantizationConfig(
        dynamic=False, activations="int8", symmetric=True, quantize_bias=False, reduce_range=False
    )

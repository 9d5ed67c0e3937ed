"""The example of a plugin, checked as any plugin can be."""

import subprocess
import sys

import navcore_example
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from navcore import Format, load_plugins
from navcore.contracts import Model
from navcore.domain import Signature, TensorSpec
from navcore.testing.suites import RunnerSuite


class TestOnnxReference(RunnerSuite):
    @pytest.fixture
    def tool(self):
        (runner,) = navcore_example.nav_runners()
        return runner

    @pytest.fixture
    def model(self, tmp_path):
        left, right, total = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3]) for name in ("left", "right", "total")
        )
        graph = helper.make_graph(
            [helper.make_node("Add", ["left", "right"], ["total"])], "graph", [left, right], [total]
        )
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        onnx.save(proto, tmp_path / "model.onnx")
        specs = [TensorSpec(name, "float32", ("batch", 3)) for name in ("left", "right", "total")]
        signature = Signature(tuple(specs[:2]), (specs[2],), batch="batch")
        left, right = np.ones((2, 3), np.float32), np.arange(6, dtype=np.float32).reshape(2, 3)
        examples = ({"left": left, "right": right},)
        return Model(format=Format.ONNX, signature=signature, path=tmp_path / "model.onnx", examples=examples)

    @pytest.fixture
    def expected(self):
        return ({"total": np.arange(1, 7, dtype=np.float32).reshape(2, 3)},)


def test_it_loads_without_problems():
    registry = load_plugins(extra=[navcore_example], installed=False)

    assert () == registry.problems
    assert "navcore_example" == registry.origins[registry.runner("OnnxReference")]


def test_its_import_loads_no_framework():
    code = "import sys, navcore_example; print('onnx' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False" == result.stdout.strip()

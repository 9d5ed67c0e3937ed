"""Passes that do harm are found out by what was measured: in the pass, by comparison, or by speed."""

from __future__ import annotations

import attrs
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import navcore as nav
from nav_onnx import plugin
from nav_onnx.pass_half import OnnxHalf
from nav_onnx.pass_int8_dynamic import OnnxInt8Dynamic
from nav_onnx.pass_int8_static import OnnxInt8
from nav_onnx.pass_slim import OnnxSlim
from navcore import OptimizationProfile, load_plugins
from navcore.contracts import Converter
from navcore.domain import Status, Verdict

from .small_models import convnet, images, write

FLOAT = TensorProto.FLOAT
QUICK = OptimizationProfile(batch_sizes=(2,), min_trials=3, max_trials=6)
SIDES = [("x", FLOAT, ["N", 16])], [("y", FLOAT, ["N", 16])]
X = [{"x": np.random.default_rng(0).normal(size=(4, 16)).astype(np.float32)}]


@attrs.frozen
class Passes:
    """Takes the place of the passes of nav-onnx."""

    passes: tuple[Converter, ...]

    @property
    def format(self):
        return nav.Format.ONNX

    @property
    def precisions(self):
        return "fp16", "int8"

    def configure(self, tools):
        return (*(tool for tool in tools if not isinstance(tool, Converter)), *self.passes)


@pytest.fixture
def run(tmp_path):
    """Optimise a file with one pass, for OnnxCPU alone, in this process."""

    def go(path, samples, *passes, **options):
        return nav.onnx.optimize(
            path,
            samples,
            runners=["OnnxCPU"],
            custom_configs=[Passes(passes)],
            optimization_profile=options.pop("profile", QUICK),
            workspace=tmp_path / "w",
            registry=load_plugins(extra=[plugin], installed=False),
            isolate=False,
            quiet=True,
            cache=False,
            **options,
        )

    return go


def _build(package):
    (build,) = package.status.builds
    return build


def _trial(package, route):
    return next(trial for trial in package.status.trials if trial.route == route)


def _product(folder, scale):
    """`y = x @ w`; in each column one weight is `scale` times the others."""
    w = np.random.default_rng(1).normal(size=(16, 16)).astype(np.float32)
    w[0] *= scale
    return write(folder / "product.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"], "product")], *SIDES, {"w": w})


def test_int8_that_loses_accuracy_is_refused_in_the_pass(tmp_path, run):
    samples = [{"x": X[0]["x"] * np.r_[0, np.ones(15)].astype(np.float32)}]  # nothing meets the large weights
    package = run(_product(tmp_path, 1e4), samples, OnnxInt8())

    assert Status.FAILED == _build(package).status
    assert "no node can be in int8: with all 1 of them outputs are off by" in _build(package).failure.reason
    assert "onnx" == package.get_best_runtime().trial.route


def test_int8_that_loses_accuracy_and_was_not_looked_at_is_refused_by_comparison(tmp_path, run):
    samples = [{"x": X[0]["x"] * np.r_[0, np.ones(15)].astype(np.float32)}]
    package = run(_product(tmp_path, 1e4), samples, OnnxInt8(max_error=None))
    trial = _trial(package, "onnx/onnx-int8")

    assert (Status.FAILED, "disagrees") == (trial.status, str(trial.failure.kind))
    assert "onnx" == package.get_best_runtime().trial.route


def test_int8_that_keeps_accuracy_is_taken_with_its_figures(tmp_path, run):
    trial = _trial(run(_product(tmp_path, 1), X, OnnxInt8()), "onnx/onnx-int8")

    assert (Status.OK, "int8") == (trial.status, trial.precision)
    assert 0 < trial.agreement.outputs[0].max_rel < 0.1


def test_fp16_that_overflows_is_refused_in_the_pass(tmp_path, run):
    build = _build(run(_product(tmp_path, 1e6), X, OnnxHalf(name="onnx-fp16")))

    assert Status.FAILED == build.status
    assert "no operator of the model can be lowered to fp16" in build.failure.reason


def test_fp16_that_overflows_and_was_not_looked_at_is_refused_by_comparison(tmp_path, run):
    package = run(_product(tmp_path, 1e6), X, OnnxHalf(name="onnx-fp16", most_runs=0))
    trial = _trial(package, "onnx/onnx-fp16")

    assert (Status.FAILED, "disagrees") == (trial.status, str(trial.failure.kind))
    assert "onnx" == package.get_best_runtime().trial.route


def test_a_fold_that_blows_the_model_up_to_2_gb_is_refused_and_leaves_no_file(tmp_path, run):
    """2 GB from a few bytes, in a branch that is not taken, so that the runtime does not make them either."""
    shape, one = np.array([23_000, 23_000]), np.ones((1, 1), np.float32)
    large = [
        helper.make_node("Expand", ["one", "shape"], ["large"], "blow"),
        helper.make_node("Add", ["large", "few"], ["more"]),
        helper.make_node("ReduceSum", ["more"], ["z"], keepdims=0),
    ]
    small = [helper.make_node("ReduceSum", ["few"], ["z"], keepdims=0)]
    value = helper.make_tensor_value_info("z", FLOAT, [])
    constants = [onnx.numpy_helper.from_array(array, name) for name, array in (("shape", shape), ("one", one))]
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Slice", ["x", "start", "end"], ["few"]),
        helper.make_node("IsNaN", ["sum"], ["broken"]),
        helper.make_node(
            "If",
            ["broken"],
            ["addend"],
            then_branch=helper.make_graph(large, "large", [], [value], constants),
            else_branch=helper.make_graph(small, "small", [], [value]),
        ),
        helper.make_node("Add", ["x", "addend"], ["y"]),
    ]
    weights = {"start": np.array([0, 0]), "end": np.array([1, 1])}
    path = write(tmp_path / "blown.onnx", nodes, *SIDES, weights)
    package = run(path, X, OnnxSlim(always=True))
    build = _build(package)

    assert Status.FAILED == build.status
    assert "folding its constants would add 2,116.0 MB to the file: Expand 'blow' alone takes" in build.failure.reason
    assert path.stat().st_size < 2000
    assert [] == list((tmp_path / "w").rglob("*.onnx"))
    assert "onnx" == package.get_best_runtime().trial.route


def test_int8_that_is_slower_is_not_chosen(tmp_path, run):
    """Dynamic convolutions, which took three times as long where that was measured.

    Whatever this machine measures, what is chosen is not slower than the source beyond the interval of its figures.
    """
    tool = OnnxInt8Dynamic(name="onnx-int8-dynamic-conv", op_types=("Conv",), max_error=None)
    package = run(convnet(tmp_path / "net.onnx", channels=32, size=32), images(size=32), tool)
    trial = _trial(package, "onnx/onnx-int8-dynamic-conv")
    if trial.failure is not None and str(trial.failure.kind) == "unsupported-operator":
        pytest.skip(f"onnxruntime {onnxruntime.__version__} has no such convolution: {trial.failure.reason}")
    chosen = package.get_best_runtime()
    ratio = chosen.measurement.ratio

    assert (Status.OK, 1) == (trial.status, len(trial.measurements))
    assert "onnx" == chosen.trial.route or (ratio is not None and ratio.verdict is not Verdict.SLOWER)
    if trial.measurements[0].ratio.verdict is Verdict.SLOWER:
        assert "onnx" == chosen.trial.route

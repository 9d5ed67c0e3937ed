"""`nav.onnx.optimize` on whole files: what any valid model may have, and what is told where it cannot be run."""

import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from nav_onnx import optimize
from navcore import OptimizationProfile
from navcore.engine import threads
from navcore.errors import DataloaderError, ModelFileError

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
QUICK = OptimizationProfile(max_batch_size=2, window_size=3, max_trials=3)


@pytest.fixture
def run(tmp_path):
    """Optimise a file for OnnxCPU alone, in this process unless it is told otherwise."""

    def go(path, dataloader=None, isolate=False, **options):
        return optimize(
            path,
            dataloader,
            workspace=tmp_path / "w",
            runners=["OnnxCPU"],
            optimization_profile=QUICK,
            quiet=True,
            isolate=isolate,
            cache=False,
            **options,
        )

    return go


def _statuses(package):
    return {(trial.route, trial.runner): trial.status.value for trial in package.status.trials}


def _relu(save, shape, **options):
    return save([helper.make_node("Relu", ["x"], ["y"])], [("x", FLOAT, shape)], [("y", FLOAT, shape)], **options)


@pytest.mark.parametrize("shape", [[2, 3], ["N", 3], ["N", "length"], [2, "length"], [], [None, None]], ids=str)
def test_sizes_may_be_fixed_named_or_open(save, run, shape):
    assert {("onnx", "OnnxCPU"): "ok"} == _statuses(run(_relu(save, shape)))


@pytest.mark.parametrize(("opset", "ir"), [(7, 3), (9, 4), (13, 7), (17, 8), (21, 10)])
def test_opsets_old_and_new_are_run(save, run, opset, ir):
    assert {("onnx", "OnnxCPU"): "ok"} == _statuses(run(_relu(save, ["N", 3], opset=opset, ir=ir)))


def test_functions_of_the_file_are_run(save, run):
    body = [helper.make_node("Add", ["a", "a"], ["b"])]
    function = helper.make_function("my.domain", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 18)])
    node = helper.make_node("Twice", ["x"], ["y"], domain="my.domain")
    sides = ([("x", FLOAT, ["N"])], [("y", FLOAT, ["N"])])

    assert {("onnx", "OnnxCPU"): "ok"} == _statuses(
        run(save([node], *sides, domains=["my.domain"], functions=[function]))
    )


def test_bfloat16_goes_in_and_out(save, run):
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    path = save(nodes, [("x", TensorProto.BFLOAT16, ["N", 3])], [("y", TensorProto.BFLOAT16, ["N", 3])])

    assert {("onnx", "OnnxCPU"): "ok"} == _statuses(run(path))


def test_a_model_of_more_than_2_gb_is_run_from_weights_beside_it(save, run):
    """A table of 2.2 GB of which the file system stores only the rows that are not zero."""
    rows, width = 70_000_000, 8
    nodes = [helper.make_node("Gather", ["table", "ids"], ["y"])]
    path = save(nodes, [("ids", INT64, ["N"])], [("y", FLOAT, ["N", width])])
    proto = onnx.load(path)
    table = TensorProto(name="table", data_type=FLOAT, dims=[rows, width], data_location=TensorProto.EXTERNAL)
    table.external_data.add(key="location", value="table.bin")
    proto.graph.initializer.append(table)
    path.write_bytes(proto.SerializeToString())
    with path.with_name("table.bin").open("wb") as file:
        file.truncate(rows * width * 4)
        file.seek((rows - 1) * width * 4)
        file.write(np.arange(width, dtype=np.float32).tobytes())
    package = run(path, [{"ids": np.array([0, rows - 1])}])

    assert path.with_name("table.bin").stat().st_size > 2**31
    assert {("onnx", "OnnxCPU"): "ok"} == _statuses(package)
    with package.get_runner() as session:
        outputs = session.infer({"ids": np.array([rows - 1, 0])})
    assert [list(range(width)), [0] * width] == outputs["y"].tolist()


def test_without_a_dataloader_it_is_said_that_inputs_were_made(affine, run):
    told = run(affine).status.notices

    assert "no dataloader was given: inputs were made from the model's signature with seed 0" in told[0]


def test_indices_masks_and_lengths_are_made_small_enough_for_most_models(save, run):
    rng = np.random.default_rng(0)
    weights = {
        "table": rng.normal(size=(30, 2)).astype(np.float32),
        "w": rng.normal(size=(1, 12, 2)).astype(np.float32),
        "r": rng.normal(size=(1, 12, 3)).astype(np.float32),
        "zero": np.zeros((), np.float32),
    }
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"]),
        helper.make_node("Unsqueeze", ["mask", "axis"], ["wide"]),
        helper.make_node("Where", ["wide", "rows", "zero"], ["kept"]),
        helper.make_node("LSTM", ["kept", "w", "r", "", "lengths"], ["", "last"], hidden_size=3),
        helper.make_node("Squeeze", ["last", "first"], ["y"]),
    ]
    weights |= {"axis": np.array([2]), "first": np.array([0])}
    inputs = [("ids", INT64, ["length", "N"]), ("mask", TensorProto.BOOL, ["length", "N"]), ("lengths", 6, ["N"])]

    assert {("onnx", "OnnxCPU"): "ok"} == _statuses(run(save(nodes, inputs, [("y", FLOAT, ["N", 3])], weights)))


def test_inputs_that_were_made_and_do_not_fit_are_told_with_the_node_that_refuses_them(save, run):
    nodes = [helper.make_node("Gather", ["table", "ids"], ["y"], name="lookup")]
    table = np.zeros((5, 2), np.float32)
    path = save(nodes, [("ids", INT64, ["N"])], [("y", FLOAT, ["N", 2])], {"table": table})
    message = (
        r"inputs were made up, and the model refuses sample 0 \(ids: int64\[2\]\): ONNX Runtime failed in Gather node "
        r"'lookup': indices element out of .*\n  fix: pass dataloader=\[sample, ...\]"
    )
    with pytest.raises(DataloaderError, match=message):
        run(path, isolate=True)


@pytest.mark.parametrize(
    ("name", "told"), [("n7", r"node 'n7' of domain 'my.domain'"), ("", r"node that gives 'y' of domain 'my.domain'")]
)
def test_an_operator_of_a_domain_that_nobody_knows_is_told_with_node_and_domain(save, run, name, told):
    node = helper.make_node("Foo", ["x"], ["y"], name=name, domain="my.domain")
    path = save([node], [("x", FLOAT, ["N"])], [("y", FLOAT, ["N"])], domains=["my.domain"])
    message = rf"model.onnx cannot be run: ONNX Runtime knows no operator my.domain:Foo: {told}\n  fix: it needs"
    with pytest.raises(ModelFileError, match=message):
        run(path, isolate=True)


def test_an_opset_that_the_runtime_does_not_read_is_told_with_the_conversion(save, run):
    message = (
        r"the model has opset 99 of ai.onnx; this ONNX Runtime reads up to (\d+)\n"
        r"  fix: .*onnx.version_converter.convert_version\(model, \1\), or pip install --upgrade onnxruntime"
    )
    with pytest.raises(ModelFileError, match=message):
        run(_relu(save, ["N"], opset=99), isolate=True)


@pytest.mark.parametrize("isolate", [True, False])
def test_fewer_threads_are_tried_and_told(affine, run, monkeypatch, isolate):
    monkeypatch.setattr(threads, "thread_counts", lambda: (1,))
    package = run(affine, isolate=isolate)
    (trial,) = package.status.trials

    assert [note for note in trial.runtime_notes if re.match(r"on 1 thread [\d.]+ times as fast \[.*\] at batch", note)]
    assert {1} >= {load.threads for load in trial.loads}

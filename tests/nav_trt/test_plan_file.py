"""Plans on disk, as far as they can be looked at without a GPU."""

import json
import re

import numpy as np
import pytest

from nav_trt import optimize, plan_file, read_plan
from nav_trt.describe import describe, fingerprint, flatten
from nav_trt.engine_file import load_engine, refusal_of
from nav_trt.gpu import missing_gpu
from nav_trt.plan_file import read_plan_signature, signature_from
from nav_trt.timing_cache import load_timings, store_timings, timing_cache_file
from nav_trt.trt_error import EngineError
from navcore.domain import Names, Range, Signature, TensorSpec
from navcore.errors import DataloaderError, ModelFileError, UsageError

TENSORS = [
    {"name": "ids", "mode": "input", "dtype": "int64", "shape": [-1, -1], "ranges": [[1, 8], [5, 12]]},
    {"name": "m", "mode": "input", "dtype": "float32", "shape": [-1, 4], "ranges": [[1, 8], [4, 4]]},
    {"name": "y", "mode": "output", "dtype": "float32", "shape": [-1, 16], "ranges": []},
]
SIGNATURE = Signature(
    (TensorSpec("ids", "int64", ("batch", "ids_1")), TensorSpec("m", "float32", ("batch", 4))),
    (TensorSpec("y", "float32", ("batch", 16)),),
    batch="batch",
    ranges=(Range("batch", 1, 8), Range("ids_1", 5, 12)),
)
SAMPLE = {"ids": np.zeros((2, 5), np.int64), "m": np.zeros((2, 4), np.float32)}


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "model.plan"
    path.write_bytes(b"damaged " * 100)
    return path


def test_what_an_engine_tells_becomes_a_signature():
    assert SIGNATURE == signature_from({"tensors": TENSORS})


def test_what_the_other_process_tells_is_read(plan, monkeypatch):
    monkeypatch.setattr(plan_file, "missing_tensorrt", lambda: None)
    monkeypatch.setattr(plan_file, "missing_gpu", lambda: None)
    answers = iter([("noise\n" + json.dumps({"tensors": TENSORS}), 0), ("", -11), ("nothing", 1)])

    class Result:
        stderr = "Segmentation fault"

        def __init__(self, answer):
            self.stdout, self.returncode = answer

    monkeypatch.setattr(plan_file.subprocess, "run", lambda *_, **__: Result(next(answers)))

    assert SIGNATURE == read_plan_signature(plan)
    with pytest.raises(ModelFileError, match="ended the process with signal 11"):
        read_plan_signature(plan)
    with pytest.raises(ModelFileError, match="cannot be opened: Segmentation fault"):
        read_plan_signature(plan)


@pytest.mark.skipif(missing_gpu() is None, reason="there is a GPU")
def test_without_a_gpu_a_plan_is_refused_in_a_sentence(engines, plan, tmp_path):
    cause, _, fix = missing_gpu().partition("; ")
    for call in (lambda: optimize(plan, [SAMPLE], workspace=tmp_path / "workspace"), lambda: read_plan_signature(plan)):
        with pytest.raises(UsageError, match=re.escape(cause)) as caught:
            call()

        assert fix == caught.value.fix


def test_a_damaged_plan_ends_in_a_reason_and_not_in_a_crash(engines, plan, monkeypatch):
    monkeypatch.setattr(plan_file, "missing_gpu", lambda: None)
    with pytest.raises(ModelFileError, match="it was built by another TensorRT, or is damaged") as caught:
        read_plan_signature(plan)

    assert caught.value.fix.startswith("build it again on this machine")


def test_another_process_prints_cause_and_fix(engines, plan, capsys):
    assert 1 == read_plan.main(str(plan))
    assert {"cause", "fix"} == set(json.loads(capsys.readouterr().out.splitlines()[-1]))


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (
            "Serialization assertion stdVersionRead == kSERIALIZATION_VERSION failed.Version tag does not match",
            "another",
        ),
        (
            "The engine plan file is generated on an incompatible device, expecting compute capability 9.0",
            "another GPU",
        ),
        ("Error Code 1: Cuda Runtime (cudaError 35: CUDA driver version is insufficient)", "the driver is older"),
        ("[defaultAllocator.cpp] Error Code 1: Cuda Runtime (out of memory)", "the GPU ran out of memory"),
        ("something new", "something new"),
    ],
)
def test_why_tensorrt_refuses_a_plan_is_told(plan, told, reason):
    error = refusal_of(plan, [told])

    assert isinstance(error, EngineError)
    assert reason in error.cause


def test_what_is_no_plan_is_refused_before_tensorrt_sees_it(tmp_path):
    for name, match in (("none.plan", "cannot be read: No such file"), ("", "is a folder, and no plan")):
        with pytest.raises(ModelFileError, match=match):
            load_engine(tmp_path / name)
    with pytest.raises(UsageError, match="no path that ends in"):
        optimize(tmp_path / "model.onnx", [])


def test_a_plan_is_described_by_what_it_tells(plan, monkeypatch):
    monkeypatch.setattr("nav_trt.describe.read_plan_signature", lambda path: SIGNATURE)
    found = describe(str(plan), SAMPLE, Names())

    assert (SIGNATURE, "TensorRT") == (found.signature, found.reference.name)
    assert ["ids", "m"] == list(found.inputs)
    with pytest.raises(DataloaderError, match="has names of its own: ids, m"):
        describe(str(plan), None, Names(inputs=("a", "b")))


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ({"ids": SAMPLE["ids"]}, "does not have the inputs of m.plan: ids, m"),
        ((SAMPLE["ids"],), "does not have the inputs"),
        ((SAMPLE["ids"].astype(np.int32), SAMPLE["m"]), r"input 'ids' is int32\[2, 5\], and m.plan takes ids: int64"),
        ((SAMPLE["ids"], SAMPLE["m"][:, :3]), r"input 'm' is float32\[2, 3\]"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused(sample, message):
    with pytest.raises(DataloaderError, match=message):
        flatten(sample, SIGNATURE, "m.plan")


def test_the_fingerprint_is_that_of_the_file(plan):
    before = fingerprint(str(plan))
    plan.write_bytes(plan.read_bytes() + b"x")

    assert before != fingerprint(str(plan))
    assert fingerprint("none.plan") is None


def test_timings_are_kept_by_version_and_gpu(tmp_path, monkeypatch):
    monkeypatch.setenv("NAVCORE_CACHE_DIR", str(tmp_path / "artifacts"))
    own = timing_cache_file(None)

    assert tmp_path / "artifacts-tensorrt" == own.parent
    assert tmp_path / "mine" / own.name == timing_cache_file(str(tmp_path / "mine"))
    assert tmp_path / "mine.cache" == timing_cache_file(str(tmp_path / "mine.cache"))


def test_timings_are_stored_and_loaded_and_damage_does_no_harm(engines, tmp_path):
    import tensorrt

    from nav_trt.trt_logger import trt_logger

    file = tmp_path / "folder" / "timings.cache"
    config = tensorrt.Builder(trt_logger()).create_builder_config()
    load_timings(config, file)
    store_timings(config, file)
    first = file.read_bytes()
    file.write_bytes(b"damaged" * 9)
    load_timings(config, file)
    store_timings(config, file)

    assert len(first) > 0
    assert ["timings.cache"] == [path.name for path in file.parent.iterdir()]

"""Failures that frameworks really raise are named, with the culprit: the texts that rules know have not changed."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from navcore.domain import FailureKind
from navcore.engine.failures import failure_from

onnx = pytest.importorskip("onnx", reason="the models here are ONNX files: pip install nav-onnx")
helper = onnx.helper
FLOAT = onnx.TensorProto.FLOAT


def reason_of(step: Callable[[], Any], kind: FailureKind) -> str:
    """The reason of the failure that the step ends in, which is of this kind."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  # each framework has its own classes
        step()
    failure = failure_from(caught.value, io.StringIO(), "")

    assert kind is failure.kind, failure
    return failure.reason


def graph(operator: str, opset: int = 18, kind: int = FLOAT, shape: tuple[Any, ...] = (2,), domain: str = "") -> bytes:
    """An ONNX model of one node."""
    node = helper.make_node(operator, ["x"], ["y"], name="the_node", domain=domain)
    tensors = [helper.make_tensor_value_info(name, kind, shape) for name in ("x", "y")]
    opsets = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    made = helper.make_model(
        helper.make_graph([node], "g", tensors[:1], tensors[1:]), opset_imports=opsets, ir_version=10
    )
    data: bytes = made.SerializeToString()
    return data


def huge() -> bytes:
    """A model that asks for as much memory as its input says."""
    node = helper.make_node("ConstantOfShape", ["s"], ["y"], name="huge")
    given = helper.make_tensor_value_info("s", onnx.TensorProto.INT64, [2])
    made = helper.make_tensor_value_info("y", FLOAT, ["a", "b"])
    model = helper.make_model(
        helper.make_graph([node], "g", [given], [made]), opset_imports=[helper.make_opsetid("", 18)], ir_version=10
    )
    data: bytes = model.SerializeToString()
    return data


def ort(model: bytes | str, feeds: dict[str, Any] | None = None) -> Any:
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs ONNX Runtime: pip install nav-onnx[cpu]")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds) if feeds else session


def openvino(model: bytes) -> Any:
    framework = pytest.importorskip("openvino", reason="needs OpenVINO: pip install nav-openvino")
    return framework.Core().read_model(model)


@pytest.mark.parametrize(
    ("reason", "model"),
    [
        ("no implementation of Sin (version 22)", graph("Sin", 22, onnx.TensorProto.BFLOAT16)),
        ("no operator NoSuchOp in opset 18", graph("NoSuchOp")),
        ("knows no operator com.acme:NoSuchOp", graph("NoSuchOp", domain="com.acme")),
        ("the model has opset 99 of ai.onnx", graph("Relu", 99)),
    ],
)
def test_onnx_runtime_lacks_an_operator(reason: str, model: bytes) -> None:
    assert reason in reason_of(lambda: ort(model), FailureKind.UNSUPPORTED_OPERATOR)


def test_onnx_runtime_runs_out_of_memory() -> None:
    feeds = {"s": np.array([6_000_000, 100_000_000])}

    reason = reason_of(lambda: ort(huge(), feeds), FailureKind.OUT_OF_MEMORY)

    assert "ConstantOfShape node 'huge' needs 2,400 TB of memory at once, which could not be had" == reason


def test_onnx_runtime_refuses_a_size() -> None:
    reason = reason_of(lambda: ort(graph("Relu"), {"x": np.zeros(3, np.float32)}), FailureKind.EXCEPTION)

    assert "the artifact takes only size 2 on axis 0 of input 'x', and was given 3" == reason


@pytest.mark.parametrize(
    ("reason", "model"),
    [
        (
            "ONNX Runtime refuses the types in the graph: Type 'tensor(int32)'",
            graph("Sin", kind=onnx.TensorProto.INT32),
        ),
        ("ONNX Runtime refuses Cast node 'the_node': Required attribute 'to' is missing.", graph("Cast")),
        ("ONNX Runtime refuses Det node 'the_node': ", graph("Det", shape=(2, 3))),
        ("ONNX Runtime refuses the types in the graph: Type (tensor(float)) of output", graph("Shape")),
    ],
)
def test_onnx_runtime_refuses_a_file_with_a_cause_and_a_fix_that_do_not_say_where_it_lies(
    reason: str, model: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model)
    with pytest.raises(Exception) as caught:  # noqa: PT011  # ONNX Runtime has its own classes
        ort(str(path))
    failure = failure_from(caught.value, io.StringIO(), "")

    assert failure.reason.startswith(reason)
    assert failure.fix
    assert str(tmp_path) not in failure.reason


def test_openvino_lacks_an_operator() -> None:
    reason = reason_of(lambda: openvino(graph("Det", shape=(2, 2))), FailureKind.UNSUPPORTED_OPERATOR)

    assert "OpenVINO cannot convert the operators Det-18" == reason


def test_openvino_says_more_than_where_in_its_source() -> None:
    reason = reason_of(lambda: openvino(b"garbage" * 10), FailureKind.EXCEPTION)

    assert reason.startswith("OpenVINO failed: ")
    assert "src/" not in reason


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="needs nav-torch: pip install torch")


def module(torch: Any, function: Callable[[Any], Any]) -> Any:
    class Net(torch.nn.Module):  # type: ignore[misc]  # a class of an untyped framework
        def forward(self, x: Any) -> Any:
            return function(x)

    return Net().eval()


def branching(x: Any) -> Any:
    if x.sum() > 0:
        return x * 2
    return x


def exported(torch: Any, function: Callable[[Any], Any]) -> Any:
    shapes = ({0: torch.export.Dim.DYNAMIC},)
    return torch.export.export(module(torch, function), (torch.ones(2, 3, 3),), dynamic_shapes=shapes)


def to_onnx(torch: Any, function: Callable[[Any], Any]) -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        return torch.onnx.export(module(torch, function), (torch.ones(2, 3, 3),), dynamo=True, verbose=False)


def test_torch_onnx_lacks_an_operator(torch: Any) -> None:
    reason = reason_of(lambda: to_onnx(torch, lambda x: torch.linalg.lu(x)[0]), FailureKind.UNSUPPORTED_OPERATOR)

    assert "torch.onnx has no translation of the operator aten.linalg_lu" == reason


@pytest.mark.parametrize("export", [exported, to_onnx])
def test_torch_names_the_branch_that_it_cannot_follow(torch: Any, export: Callable[..., Any]) -> None:
    reason = reason_of(lambda: export(torch, branching), FailureKind.EXCEPTION)

    assert f"{Path(__file__).name}:" in reason
    assert reason.endswith("if x.sum() > 0:")


def test_torch_names_the_dimension_that_forward_fixes(torch: Any) -> None:
    reason = reason_of(lambda: exported(torch, lambda x: x.reshape(2, 9)), FailureKind.EXCEPTION)

    assert "forward fixes L['x'].size()[0] to 2, and the samples differ in it" == reason


@pytest.mark.parametrize(
    ("reason", "step"),
    [
        ("torch has no aten::gelu for SparseCPU", lambda t: t.nn.functional.gelu(t.eye(2).to_sparse())),
        ("torch has no add_stub for Float8_e4m3fn", lambda t: t.ones(2).to(t.float8_e4m3fn) + 1),
    ],
)
def test_torch_lacks_an_operator(reason: str, step: Callable[[Any], Any], torch: Any) -> None:
    assert reason in reason_of(lambda: step(torch), FailureKind.UNSUPPORTED_OPERATOR)


def test_torch_and_numpy_run_out_of_memory(torch: Any) -> None:
    assert "400 TB of memory" in reason_of(lambda: torch.empty(10**14), FailureKind.OUT_OF_MEMORY)
    assert "728. TiB of memory" in reason_of(lambda: np.ones(10**14), FailureKind.OUT_OF_MEMORY)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_named(torch: Any) -> None:
    full = Path("/dev/full")

    assert "most likely because the disk is full" in reason_of(
        lambda: torch.save(torch.zeros(10**6), full), FailureKind.DISK_FULL
    )
    assert "the disk is full" in reason_of(lambda: full.write_bytes(b"x"), FailureKind.DISK_FULL)


NO_COMPILER = """
import io, torch
from torch._inductor import config
from torch._inductor.utils import fresh_inductor_cache
from navcore.engine.failures import failure_from
config.cpp.cxx = (None, "/nonexistent/g++")
with fresh_inductor_cache():
    try:
        torch.compile(lambda x: torch.sin(x) * 2)(torch.ones(4))
    except Exception as error:
        failure = failure_from(error, io.StringIO(), "")
        print(failure.kind.value, failure.reason)
"""


def test_a_missing_compiler_is_named(torch: Any) -> None:
    # In a process of its own: torch remembers for good that it found no compiler.
    result = subprocess.run([sys.executable, "-c", NO_COMPILER], capture_output=True, text=True, check=False)

    assert "missing-dependency" in result.stdout, result.stderr
    assert "there is no working C++ compiler" in result.stdout

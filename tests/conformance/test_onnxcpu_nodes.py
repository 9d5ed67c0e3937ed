"""ONNX's cases of single operators through OnnxCPU."""

from __future__ import annotations

import onnxruntime

from nav_onnx.runners import ONNX_CPU
from navcore.domain import DeviceKind
from navcore.errors import UsageError

from .node_cases import Kind, Runtime, judge, summary

_LACKS = {
    "operator": "is not a registered function/op",
    "operator of these types": r"NOT_IMPLEMENTED : (Could not find an implementation|Failed to find kernel) for",
    "attribute of an operator": r"layout == 1\) are not supported|Non per-tensor quantization is not supported",
    "shapes of an operator": "not defined for empty set|inconsistent total_sequence_length",
    "locale, on this machine": "Failed to construct locale with name",
}


def _run(model):
    if reason := ONNX_CPU.unsuited(model):
        raise UsageError(reason, "give it other types")
    with ONNX_CPU.open(model, DeviceKind.CPU) as infer:
        return infer(model.examples[0])


def _bare(path, inputs, outputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return dict(zip(outputs, session.run(list(outputs), dict(inputs)), strict=True))


def test_no_failure_is_ours(node_cases, tmp_path, capsys):
    runtime = Runtime(run=_run, bare=_bare, lacks=_LACKS)
    outcomes = [judge(case, runtime, tmp_path) for case in node_cases]
    with capsys.disabled():
        print("\n" + summary("OnnxCPU", outcomes))

    assert [] == [outcome for outcome in outcomes if outcome.kind is Kind.OURS]
    assert 0.6 * len(outcomes) < sum(outcome.kind is Kind.PASSED for outcome in outcomes)

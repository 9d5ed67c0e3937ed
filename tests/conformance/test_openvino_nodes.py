"""ONNX's cases of single operators through `openvino-ir` and OpenVINOCPU."""

from __future__ import annotations

from nav_openvino import OpenVINOConverter, OpenVINORunner
from nav_openvino.without_telemetry import load_openvino
from navcore.contracts import Model
from navcore.domain import DeviceKind
from navcore.formats import Format

from .node_cases import Kind, Runtime, judge, summary


def _run(model):
    out = model.path.with_name("case.xml")
    signature = OpenVINOConverter().write(model, out)
    written = Model(format=Format.OPENVINO_IR, signature=signature, path=out, examples=model.examples)
    with OpenVINORunner().open(written, DeviceKind.CPU) as infer:
        return infer(model.examples[0])


def _bare(path, inputs, outputs):
    compiled = load_openvino().Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    known = {name for port in compiled.inputs for name in port.get_names()}
    given = {name: array for name, array in inputs.items() if name in known}
    return dict(zip(outputs, compiled(given, share_outputs=False).to_tuple(), strict=True))


_LACKS = {
    "operator": "No conversion rule found for operations",
    "operator in this form": "Conversion is failed for|with dynamic rank",
    "type": r"Loading input model Unsupported type|unsupported src_prc|cpu_convert can't convert",
}


def test_no_failure_is_ours(node_cases, tmp_path, capsys):
    runtime = Runtime(run=_run, bare=_bare, lacks=_LACKS)
    outcomes = [judge(case, runtime, tmp_path) for case in node_cases]
    with capsys.disabled():
        print("\n" + summary("OpenVINOCPU", outcomes))

    assert [] == [outcome for outcome in outcomes if outcome.kind is Kind.OURS]
    # Of all cases 75 % pass; a runner that passed few would leave nothing to be ours.
    assert 0.65 * len(outcomes) < sum(outcome.kind is Kind.PASSED for outcome in outcomes)

"""What messages mean that are about the model: operators that a tool lacks, code that it cannot follow.

Taken from real ones of torch 2.13, ONNX Runtime 1.31, OpenVINO 2026.4, TensorRT 11.4, jax2onnx 0.17 and onnx 1.23;
tests/navcore/test_failures.py has them. A message that no rule knows is shown as it is.
"""

from __future__ import annotations

from navcore.domain import FailureKind
from navcore.engine.failure_rule import Rule

__all__ = ["FILES", "FORWARD", "OPERATORS", "PLACES"]

_VALUES_FIX = "replace what depends on values of tensors in forward by torch.where or torch.cond"
_SIZES_FIX = "write forward so that it takes any size there, or give samples that agree in it"
_OPERATOR_FIX = "use another operation in the model, or another route"
_GRAPH_FIX = (
    "look at what onnx.checker.check_model(path, full_check=True) says; another opset or exporter may write it well"
)

OPERATORS = (
    Rule(
        FailureKind.UNSUPPORTED_OPERATOR,
        r"No ONNX function found for <OpOverload\(op='(?P<operator>[^']+)'",
        "torch.onnx has no translation of the operator {operator}",
        _OPERATOR_FIX,
    ),
    Rule(
        FailureKind.UNSUPPORTED_OPERATOR,
        r"Could not find an implementation for (?P<operator>\w+)\((?P<version>\d+)\) node with name '(?P<node>[^']*)'",
        "ONNX Runtime has no implementation of {operator} (version {version}) for the types that node {node!r} has",
        "compute it in float32, " + _OPERATOR_FIX,
    ),
    Rule(
        FailureKind.UNSUPPORTED_OPERATOR,
        r"No Op registered for (?P<operator>\S+) with domain_version of (?P<version>\d+)",
        "ONNX has no operator {operator} in opset {version}",
        "export with an opset that has it, or use another operation in the model",
    ),
    Rule(
        FailureKind.UNSUPPORTED_OPERATOR,
        r"Fatal error: (?P<operator>\S+?)\(-?\d+\) is not a registered function/op(?P<where>: node [^\n]+)?",
        "ONNX Runtime knows no operator {operator}{where}",
        "it needs the library of custom operators that has it; " + _OPERATOR_FIX,
    ),
    Rule(
        FailureKind.UNSUPPORTED_OPERATOR,
        r"Opset (?P<opset>\d+) is under development[^\n]* support for domain "
        r"(?P<domain>\S+) is till opset (?P<most>\d+)",
        "the model has opset {opset} of {domain}; this ONNX Runtime reads up to {most}",
        "export with opset {most} or lower, onnx.version_converter.convert_version(model, {most}), or pip install "
        "--upgrade onnxruntime",
    ),
    Rule(
        FailureKind.UNSUPPORTED_OPERATOR,
        r"No conversion rule found for operations: (?P<operators>[^\n]+)",
        "OpenVINO cannot convert the operators {operators}",
        _OPERATOR_FIX,
    ),
    Rule(
        FailureKind.UNSUPPORTED_OPERATOR,
        r"jax2onnx has no operators of ONNX for (?P<what>[^\n;]+)",
        "jax2onnx has no operators of ONNX for {what}",
        "write that part with other functions of jax.numpy, or take another route",
    ),
    Rule(
        FailureKind.UNSUPPORTED_OPERATOR,
        r"TensorRT's parser refuses (?P<nodes>node [^\n]+)",
        "TensorRT's parser refuses {nodes}",
        "use another operation there, or run it with OnnxTensorRT, which gives such nodes to CUDA",
    ),
    Rule(
        FailureKind.UNSUPPORTED_OPERATOR,
        r"Could not run '(?P<operator>[\w:.]+)' with arguments from the '(?P<backend>\w+)' backend",
        "torch has no {operator} for {backend} tensors",
        _OPERATOR_FIX,
    ),
    Rule(
        FailureKind.UNSUPPORTED_OPERATOR,
        r"\"(?P<operator>\w+)\" not implemented for '(?P<type>\w+)'",
        "torch has no {operator} for {type}",
        "compute it in float32, " + _OPERATOR_FIX,
    ),
)

FORWARD = (
    Rule(
        FailureKind.EXCEPTION,
        r"Could not guard on data-dependent expression [\s\S]*?The following call raised this error:\n"
        r"\s*File \"(?P<file>[^\"]+)\", line (?P<line>\d+), in [^\n]+(?:\n[ \t]+(?P<code>\S[^\n]*))?",
        "torch.export cannot follow a data-dependent branch: {file}:{line} {code}",
        _VALUES_FIX,
    ),
    Rule(
        FailureKind.EXCEPTION,
        r"Could not (?:guard on|extract specialized integer from) data-dependent expression [\s\S]*?"
        r"Caused by: \((?P<place>[^)\s]+)",
        "torch.export cannot know a data-dependent value that forward uses as a Python number ({place})",
        _VALUES_FIX,
    ),
    Rule(
        FailureKind.EXCEPTION,
        r"You marked (?P<dimension>\S+) as dynamic but your code specialized it to be a constant \((?P<size>\d+)\)",
        "forward fixes {dimension} to {size}, and the samples differ in it",
        _SIZES_FIX,
    ),
    Rule(
        FailureKind.EXCEPTION,
        r"tracing inferred a static shape of (?P<size>\d+) for dimension (?P<dimension>\S+\])",
        "forward fixes {dimension} to {size}, and the samples differ in it",
        _SIZES_FIX,
    ),
    Rule(
        FailureKind.EXCEPTION,
        r"\.numpy\(\) is not supported for tensor subclasses",
        "torch.export cannot follow .numpy(), which forward calls on a tensor",
        "use operations of torch in forward",
    ),
    Rule(
        FailureKind.EXCEPTION,
        r"^Unsupported: (?P<what>[^\n]+)\n  Explanation: [\s\S]*?from user code:[\s\S]*"
        r"File \"(?P<file>[^\"]+)\", line (?P<line>\d+), in [^\n]+(?:\n[ \t]+(?P<code>\S[^\n]*))?",
        "torch cannot compile forward as one graph: {what}: {file}:{line} {code}",
        "change that place in forward; the log has hints",
    ),
)

FILES = (
    Rule(
        FailureKind.EXCEPTION,
        r"Unsupported model IR version: (?P<version>\d+), max supported IR version: (?P<most>\d+)",
        "the file has ONNX IR version {version}; this ONNX Runtime reads up to {most}",
        "write it with ir_version={most} or lower, or pip install --upgrade onnxruntime",
    ),
    Rule(
        FailureKind.EXCEPTION,
        r"External data path does not exist: \"(?P<file>[^\"]+)\"|"
        r"invalid external data: ExternalDataInfo\(data_full_path: (?P<path>[^,]+)",
        "a file with weights of the model is missing or damaged: {file}{path}",
        "keep it beside the model's main file, under the name that it was saved with",
    ),
    Rule(
        FailureKind.EXCEPTION,
        r"Load model from (?P<file>.+) failed:Protobuf parsing failed",
        "{file} is no ONNX file, or a damaged one",
        "export or copy it again",
    ),
    Rule(
        FailureKind.EXCEPTION,
        r"\[ONNXRuntimeError\] : \d+ : \w+ : (?:Load model from .+ failed:)?(?:This is an invalid model\. )?"
        r"Type Error: (?P<detail>[^\n]+)",
        "ONNX Runtime refuses the types in the graph: {detail}",
        "cast to one type at that node, in the model or in the file; another opset or exporter may do so",
    ),
    Rule(
        FailureKind.EXCEPTION,
        r"This is an invalid model\. In Node, \(\"(?P<node>[^\"]*)\", (?P<operator>\w+), [^\n]* , Error "
        r"(?P<detail>[^\n]+)",
        "ONNX Runtime refuses {operator} node {node!r}: {detail}",
        _GRAPH_FIX,
    ),
    Rule(
        FailureKind.EXCEPTION,
        r"\[ONNXRuntimeError\] : \d+ : \w+ : (?:Load model from .+ failed:)?"
        r"(?:Node \((?P<node>[^)]*)\) Op \((?P<operator>\w+)\)) (?:\[\w+\] )?(?P<detail>[^\n]+)",
        "ONNX Runtime refuses {operator} node {node!r}: {detail}",
        _GRAPH_FIX,
    ),
    Rule(
        FailureKind.EXCEPTION,
        # ONNX Runtime says which of its own lines refused: neither that nor the path of the file tells why.
        r"\[ONNXRuntimeError\] : \d+ : \w+ : (?:Load model from .+ failed:)?"
        r"Exception during (?:initialization|loading): "
        r"(?:[^\n]* was (?:false|true)\. |[^\n]*\[ONNXRuntimeError\] : \d+ : \w+ : )?(?:\S+\.(?:h|cc):\d+ )?"
        r"(?P<detail>[^\n]+)",
        "ONNX Runtime cannot prepare the model: {detail}",
        _OPERATOR_FIX,
    ),
    Rule(
        FailureKind.EXCEPTION,
        r"\[ONNXRuntimeError\] : \d+ : \w+ : Load model from .+ failed:(?:/\S+\.(?:h|cc):\d+ [^\n]*?\) )?"
        r"(?:This is an invalid model\. )?(?:Error: )?(?P<detail>[^\n]+)",
        "ONNX Runtime refuses the file: {detail}",
        _GRAPH_FIX,
    ),
    Rule(
        FailureKind.EXCEPTION,
        r"PytorchStreamReader failed reading zip archive",
        "the file is none that torch wrote, or a damaged one",
        "export or copy it again",
    ),
)

PLACES = (
    Rule(
        FailureKind.EXCEPTION,
        r"Got invalid dimensions for input: (?P<input>.+) for the following indices\s+"
        r"index: (?P<axis>\d+) Got: (?P<got>\d+) Expected: (?P<size>\d+)",
        "the artifact takes only size {size} on axis {axis} of input {input!r}, and was given {got}",
        "an export or a conversion has fixed this size: " + _SIZES_FIX,
    ),
    Rule(
        FailureKind.EXCEPTION,
        r"Non-zero status code returned while running (?P<operator>\w+) node\. Name:'(?P<node>[^']*)' "
        r"Status Message: (?:\S+\.(?:h|cc):\d+ )?(?P<detail>[^\n]+)",
        "ONNX Runtime failed in {operator} node {node!r}: {detail}",
    ),
    Rule(
        FailureKind.EXCEPTION,
        r"-- (?P<operator>[^\n]+) with a message:\n[\s\S]*?(?P<detail>[^\n]+)\n\s*\nSummary:",
        "OpenVINO cannot convert {operator}: {detail}",
    ),
    Rule(
        FailureKind.EXCEPTION,
        r"\[CPU\] (?P<operator>\w+) node with name '(?P<node>[^']*)' [^\n]* failed at [^\n]+:\n(?P<detail>[^\n]+)",
        "OpenVINO failed in {operator} node {node!r}: {detail}",
    ),
    Rule(
        FailureKind.EXCEPTION,
        r"(?:Exception from |Check '[^\n]+' failed at )src/[^\n]+:\n(?:FrontEnd API failed with \w+:\n)?"
        r"(?P<detail>(?!Exception from |Check ')[^\n]+)",
        "OpenVINO failed: {detail}",
    ),
)

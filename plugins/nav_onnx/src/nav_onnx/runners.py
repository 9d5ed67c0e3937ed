"""The runners on ONNX Runtime: one for each execution provider, told not to lower the precision of its own accord."""

from __future__ import annotations

from nav_onnx.providers import CPU_PROVIDER, CUDA_PROVIDER
from nav_onnx.run_onnxruntime import OnnxRuntimeRunner
from navcore.domain import DeviceKind

__all__ = ["ONNX_CPU", "RUNNERS"]

_CPU, _CUDA = (DeviceKind.CPU,), (DeviceKind.CUDA,)

ONNX_CPU = OnnxRuntimeRunner(name="OnnxCPU", devices=_CPU, provider=CPU_PROVIDER)

RUNNERS = (
    ONNX_CPU,
    # Left to itself it computes float32 in TF32, with 10 bits of mantissa, on GPUs that can.
    OnnxRuntimeRunner(name="OnnxCUDA", devices=_CUDA, provider=CUDA_PROVIDER, provider_options=(("use_tf32", "0"),)),
    OnnxRuntimeRunner(name="OnnxTensorRT", devices=_CUDA, provider="TensorrtExecutionProvider"),
    OnnxRuntimeRunner(name="OnnxTensorRTRTX", devices=_CUDA, provider="NvTensorRTRTXExecutionProvider"),
    # PyTorch, too, calls AMD's GPUs `cuda`.
    OnnxRuntimeRunner(name="OnnxMIGraphX", devices=_CUDA, provider="MIGraphXExecutionProvider"),
    # Those below find their accelerator themselves, and are given arrays of the CPU.
    OnnxRuntimeRunner(
        name="OnnxOpenVINO",
        devices=_CPU,
        provider="OpenVINOExecutionProvider",
        provider_options=(("load_config", '{"CPU": {"INFERENCE_PRECISION_HINT": "f32"}}'),),
    ),
    OnnxRuntimeRunner(name="OnnxDirectML", devices=_CPU, provider="DmlExecutionProvider"),
    # Apple's and Qualcomm's neural processors compute floats in half precision.
    OnnxRuntimeRunner(
        name="OnnxCoreML",
        devices=_CPU,
        provider="CoreMLExecutionProvider",
        provider_options=(("ModelFormat", "MLProgram"),),
        precision="fp16",
    ),
    OnnxRuntimeRunner(
        name="OnnxQNN",
        devices=_CPU,
        provider="QNNExecutionProvider",
        provider_options=(("backend_type", "htp"),),
        precision="fp16",
    ),
)

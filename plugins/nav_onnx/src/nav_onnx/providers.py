"""The execution providers of ONNX Runtime that have a runner here, and what each of them needs."""

from __future__ import annotations

import attrs

__all__ = ["CPU_PROVIDER", "CUDA_PROVIDER", "PROVIDERS", "Provider", "provider_named"]

CPU_PROVIDER = "CPUExecutionProvider"
CUDA_PROVIDER = "CUDAExecutionProvider"

_NVIDIA = "pip uninstall onnxruntime, then pip install 'nav-onnx[gpu]' on a machine with an NVIDIA GPU"
_FURTHER = (
    "install what has it, on its own hardware: onnxruntime-ep-openvino (Intel), onnxruntime-directml (Windows), "
    "onnxruntime (CoreML, macOS), onnxruntime-migraphx (AMD GPUs), onnxruntime-qnn (Qualcomm)"
)


@attrs.frozen(kw_only=True)
class Provider:
    """What ONNX Runtime needs for one execution provider.

    Attributes:
        name: As ONNX Runtime calls it.
        fix: What to do where this onnxruntime does not have it.
        library: Module of a plugin library that has it; where that is installed, it is used rather than what this
            onnxruntime was built with. Empty where there is none.
        behind: Providers that take the nodes that this one does not, before the CPU does.
        device: What ONNX Runtime calls the memory that it computes in; empty where it takes arrays of the CPU only.
        memory_patterns: Whether it works with memory that is planned ahead.
        caches: Its options for what it has compiled, as pairs of name and value; `{folder}` stands for where that is.
        hardware: Which kind of device of a library that offers several to take: CPU, GPU or NPU; empty for all.
    """

    name: str
    fix: str = _FURTHER
    library: str = ""
    behind: tuple[str, ...] = ()
    device: str = ""
    memory_patterns: bool = True
    caches: tuple[tuple[str, str], ...] = ()
    hardware: str = ""


PROVIDERS = (
    Provider(name=CPU_PROVIDER),
    Provider(name=CUDA_PROVIDER, fix=_NVIDIA, device="cuda"),
    Provider(
        name="TensorrtExecutionProvider",
        fix=_NVIDIA,
        device="cuda",
        behind=(CUDA_PROVIDER,),
        caches=(
            ("trt_engine_cache_enable", "1"),
            ("trt_engine_cache_path", "{folder}"),
            ("trt_timing_cache_enable", "1"),
            ("trt_timing_cache_path", "{folder}"),
        ),
    ),
    Provider(
        name="NvTensorRTRTXExecutionProvider",
        fix="pip install 'nav-onnx[rtx]' on a machine with an NVIDIA RTX GPU",
        library="onnxruntime_ep_nv_tensorrt_rtx",
        device="cuda",
        caches=(("nv_runtime_cache_path", "{folder}"),),
    ),
    Provider(name="OpenVINOExecutionProvider", library="onnxruntime_ep_openvino", hardware="CPU"),
    # onnxruntime.ai/docs/execution-providers/DirectML: neither memory patterns nor parallel execution.
    Provider(name="DmlExecutionProvider", memory_patterns=False),
    Provider(name="CoreMLExecutionProvider"),
    Provider(name="MIGraphXExecutionProvider"),
    Provider(name="QNNExecutionProvider", library="onnxruntime_qnn"),
)


def provider_named(name: str) -> Provider:
    """Return what is known about a provider; one that is not listed here takes arrays of the CPU."""
    return next((each for each in PROVIDERS if each.name == name), Provider(name=name))

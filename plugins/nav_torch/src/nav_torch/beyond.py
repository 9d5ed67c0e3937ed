"""What an exporter cannot write, known before it tries."""

from __future__ import annotations

from typing import Any

from navcore.contracts import Model

__all__ = ["beyond_onnx", "beyond_torch_export"]

_PACKED = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized")


def beyond_torch_export(module: Any) -> str | None:
    """Return why torch.export cannot follow a module, as one sentence, or None where nothing is known."""
    packed = [(name, part) for name, part in module.named_modules() if _is_packed(part)]
    if not packed:
        return None
    name, part = packed[0]
    return (
        f"torch.ao.quantization has packed the weights of {name or 'the model'} ({type(part).__name__}) into an object "
        "that torch.export cannot look into; TorchScript can"
    )


def _is_packed(part: Any) -> bool:
    """Return whether it is a quantised layer with weights; torch.export refuses what it keeps them in (torch 2.13)."""
    return type(part).__module__.startswith(_PACKED) and hasattr(part, "_packed_params")


def beyond_onnx(model: Model) -> str | None:
    """Return why no ONNX file can have a model's inputs and outputs, as one sentence, or None if one can."""
    signature = model.signature
    for side, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in specs:
            if "complex" in spec.dtype:
                return (
                    f"{side} {spec.name} is {spec.dtype}, and torch writes complex tensors into ONNX as pairs of "
                    "floats, with an axis more; return torch.view_as_real of it"
                )
    return None

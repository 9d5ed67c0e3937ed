"""Reads ONNX files with the types of all tensors, and writes them, also beyond 2 GB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["load_typed", "store"]

_LARGEST_INLINE_BYTES = 1_500_000_000  # protobuf ends at 2 GiB, and a graph is more than its weights
_SMALLEST_EXTERNAL_BYTES = 1024


def load_typed(path: Path) -> Any:
    """Return the `onnx.ModelProto` with its weights, and a type for each tensor that ONNX can tell one for."""
    import onnx

    proto = onnx.load(str(path), load_external_data=False)
    if _size_bytes(proto) < _LARGEST_INLINE_BYTES:  # shape inference goes through one message
        proto = onnx.shape_inference.infer_shapes(proto)
    onnx.external_data_helper.load_external_data_for_model(proto, str(path.parent))
    return proto


def store(proto: Any, path: Path) -> Path:
    """Write the graph, those weights that make it too large for one file beside it, and return the path."""
    import onnx

    large = _size_bytes(proto) >= _LARGEST_INLINE_BYTES
    onnx.save(
        proto,
        str(path),
        save_as_external_data=large,
        location=f"{path.name}.data" if large else None,
        size_threshold=_SMALLEST_EXTERNAL_BYTES,
    )
    return path


def _size_bytes(proto: Any) -> int:
    """Return the size of the weights in the message; that of the whole message can overflow."""
    return sum(len(tensor.raw_data) or tensor.ByteSize() for tensor in proto.graph.initializer)

"""Raises the version of the ONNX operators in a graph."""

from __future__ import annotations

from typing import Any

from nav_onnx.pass_error import PassError

__all__ = ["opset_of", "with_opset"]


def opset_of(proto: Any) -> int:
    """Return the version of ONNX's own operators that a graph uses; 1 where it uses none."""
    return max((int(each.version) for each in proto.opset_import if each.domain in ("", "ai.onnx")), default=1)


def with_opset(proto: Any, lowest: int) -> Any:
    """Return the graph with at least that version of the ONNX operators; the same graph where it has it.

    Raises:
        PassError: ONNX cannot convert it.
    """
    if opset_of(proto) >= lowest:
        return proto
    import onnx

    try:
        return onnx.version_converter.convert_version(proto, lowest)
    except Exception as error:  # RuntimeError for an operator that it has no adapter for, and what C++ raises
        reason = str(error).strip().partition("\n")[0]
        raise PassError(
            f"the graph uses opset {opset_of(proto)}, {lowest} is needed, and ONNX cannot convert it: {reason}",
            f"export the model with opset {lowest} or later",
        ) from error

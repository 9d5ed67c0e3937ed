"""Facts about this machine that results with ONNX depend on."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

__all__ = ["environment"]


def environment() -> Mapping[str, str]:
    """Return the versions of onnx and ONNX Runtime, and the execution providers that ONNX Runtime was built with."""
    facts = {}
    for distribution in ("onnx", "onnxruntime", "onnxruntime-gpu"):
        try:
            facts[f"{distribution}.version"] = version(distribution)
        except PackageNotFoundError:
            continue
    if find_spec("onnxruntime") is not None:
        import onnxruntime

        facts["onnxruntime.providers"] = ", ".join(onnxruntime.get_available_providers())
    return facts

"""Facts about this machine that results with ONNX depend on."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from nav_onnx.installed import installed

__all__ = ["environment"]


def environment() -> Mapping[str, str]:
    """Return versions of onnx and ONNX Runtime, its execution providers, and what is wrong with its installation."""
    runtime = installed()
    facts = {f"{name}.version": number for name, number in (*_version("onnx"), *runtime.owners)}
    if problem := runtime.trouble or runtime.clash:
        facts["onnxruntime.problem"] = problem.partition(";")[0]
    if not runtime.trouble:
        facts["onnxruntime.providers"] = _providers()
    return facts


def _version(distribution: str) -> tuple[tuple[str, str], ...]:
    try:
        return ((distribution, version(distribution)),)
    except PackageNotFoundError:
        return ()


def _providers() -> str:
    try:
        import onnxruntime
    except Exception as error:  # a library of the system that is missing, or one of another version
        return f"it cannot be imported: {type(error).__name__}: {error}"
    return ", ".join(onnxruntime.get_available_providers())

"""Which TensorRT is installed, told without importing it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import attrs

__all__ = ["SUPPORTED", "Installed", "installed", "missing_modules", "missing_tensorrt"]

SUPPORTED = (10, 11)
"""Major versions that this works with."""

_DISTRIBUTIONS = (
    *("tensorrt", "tensorrt-cu13", "tensorrt-cu12"),
    *("tensorrt-cu13-bindings", "tensorrt-cu12-bindings", "tensorrt-bindings"),
)


@attrs.frozen
class Installed:
    """A TensorRT.

    Attributes:
        version: Of its Python package.
        rtx: Version of TensorRT-RTX where that is behind the package (tools/tensorrt_rtx); else empty.
    """

    version: str
    rtx: str = ""

    @property
    def major(self) -> int:
        """The first number of the version; 0 where it has none."""
        first = self.version.partition(".")[0]
        return int(first) if first.isdigit() else 0

    def __str__(self) -> str:
        return f"{self.version} over TensorRT-RTX {self.rtx}" if self.rtx else self.version


@functools.lru_cache(maxsize=1)  # asked once by each tool
def installed() -> Installed | None:
    """Return the TensorRT that `import tensorrt` would find, or None."""
    spec = find_spec("tensorrt")
    if spec is None or spec.origin is None:
        return None
    note = Path(spec.origin).with_name("rtx_version.txt")
    return Installed(_version(), note.read_text("utf-8").strip() if note.is_file() else "")


def missing_tensorrt() -> str | None:
    """Return what to do where no TensorRT is installed that this works with, as `cause; fix`, or None."""
    found = installed()
    if found is None:
        return "tensorrt is not installed; pip install nav-trt, on Linux"
    if found.major not in SUPPORTED:
        majors = " and ".join(map(str, SUPPORTED))
        return f"TensorRT {found.version} is installed, and nav-trt works with {majors}; pip install 'tensorrt>=10.9'"
    return None


def missing_modules(names: Sequence[str], fix: str) -> str | None:
    """Return which of the modules is not installed, as `cause; fix`, or None."""
    missing = [name for name in names if find_spec(name) is None]
    return f"{missing[0]} is not installed; {fix}" if missing else None


def _version() -> str:
    for name in _DISTRIBUTIONS:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "unknown"

"""What is installed as the module `onnxruntime`: nothing, one distribution, or several that own the same files."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path

import attrs

__all__ = ["Installed", "installed", "missing_runtime"]

_NAMES = (
    "onnxruntime",
    "onnxruntime-azure",
    "onnxruntime-cann",
    "onnxruntime-coreml",
    "onnxruntime-directml",
    "onnxruntime-gpu",
    "onnxruntime-migraphx",
    "onnxruntime-openvino",
    "onnxruntime-qnn",
    "onnxruntime-rocm",
    "onnxruntime-silicon",
    "onnxruntime-training",
    "onnxruntime-trt-rtx",
)
"""Distributions that bring the module; some are plugins by now, which own none of its files."""

_EXTRAS = {"onnxruntime": "cpu", "onnxruntime-gpu": "gpu"}


@attrs.frozen
class Installed:
    """The distributions that own the module `onnxruntime`.

    Attributes:
        owners: Name and version of each, by name.
        whole: Whether the module's own files are there.
        in_place: Name of the distribution that they came with; empty where that cannot be told.
    """

    owners: tuple[tuple[str, str], ...]
    whole: bool
    in_place: str = ""

    @property
    def trouble(self) -> str:
        """Why nothing can run with it, as `cause; fix`; empty where it can."""
        if self.whole:
            return ""
        if not self.owners:
            return "onnxruntime is not installed; pip install 'nav-onnx[cpu]'"
        told = _listed(self.owners)
        plural = "are" if len(self.owners) > 1 else "is"
        return f"{told} {plural} installed, but files of the module onnxruntime are gone, {_WHY}; {self.repair}"

    @property
    def clash(self) -> str:
        """What is wrong where several distributions own the same files; empty where it is one."""
        if len(self.owners) < 2:
            return ""
        whose = f"those of {self.in_place} are in place" if self.in_place else "nobody can tell whose are in place"
        return f"{_listed(self.owners)} are installed together and own the same files: {whose}"

    @property
    def repair(self) -> str:
        """The command that leaves one whole distribution: the one for GPUs, where that is among them."""
        names = [name for name, _ in self.owners]
        if len(names) == 1:
            return f"pip install --force-reinstall --no-deps {names[0]}=={self.owners[0][1]}"
        special = [name for name in names if name != "onnxruntime"]
        kept = "onnxruntime-gpu" if "onnxruntime-gpu" in names else special[-1]
        wanted = f"'nav-onnx[{_EXTRAS[kept]}]'" if kept in _EXTRAS else kept
        return f"pip uninstall -y {' '.join(names)} && pip install {wanted}"


_WHY = "as happens when one of two distributions that own them is uninstalled"


def installed(path: Sequence[str] | None = None) -> Installed:
    """Return what is installed; nothing is imported.

    Args:
        path: Folders to look in; None for those that Python imports from.
    """
    folder = _folder(path)
    if folder is None:
        return Installed(_owners(path), whole=False)
    whole = (folder / "__init__.py").is_file() and any((folder / "capi").glob("*pybind11_state*"))
    return Installed(_owners(path), whole, _package_name(folder))


def missing_runtime() -> str | None:
    """Return why ONNX Runtime cannot run anything here, as `cause; fix`, or None where it can."""
    return installed().trouble or None


def _owners(path: Sequence[str] | None) -> tuple[tuple[str, str], ...]:
    places = list(sys.path if path is None else path)
    found: dict[str, str] = {}
    for name in _NAMES:
        for distribution in metadata.distributions(name=name, path=places):
            if _owns(distribution):
                found.setdefault(name, distribution.version)  # of two folders, the first is imported from
    return tuple(sorted(found.items()))


def _owns(distribution: metadata.Distribution) -> bool:
    """Whether it brought the module; one that does not list its files is taken to have."""
    record = distribution.read_text("RECORD")
    return record is None or re.search(r"(?m)^onnxruntime[/\\]__init__\.py,", record) is not None


def _folder(path: Sequence[str] | None) -> Path | None:
    spec = PathFinder.find_spec("onnxruntime", path)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def _package_name(folder: Path) -> str:
    """Return what the build wrote into the module about itself."""
    try:
        text = (folder / "capi" / "build_and_package_info.py").read_text("utf-8")
    except OSError:
        return ""
    found = re.search(r"(?m)^package_name\s*=\s*['\"]([\w.-]+)['\"]", text)
    return found.group(1) if found else ""


def _listed(owners: Sequence[tuple[str, str]]) -> str:
    return " and ".join(f"{name} {version}" for name, version in owners)

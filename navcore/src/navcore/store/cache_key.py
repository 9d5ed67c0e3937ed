"""The artifact cache's key: everything that decides what a tool makes, as one SHA-256."""

from __future__ import annotations

import functools
import hashlib
import json
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from navcore.contracts import Tensors, Tool
from navcore.domain import FileHash, Signature
from navcore.plugins import GROUP

__all__ = ["build_key", "device_facts", "examples_digest", "instructions", "tool_versions"]

_LAYOUT = 1
"""Raised when artifacts that were made before must not be used any more."""

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_NOT_TOOLS = frozenset({"attr", "attrs", "navcore"})


def build_key(
    *,
    source: str | Iterable[FileHash],
    signature: Signature,
    examples: str,
    tool: Mapping[str, Any],
    versions: Mapping[str, str],
    device: Mapping[str, str],
) -> str:
    """Return the key of a build; the order of mappings and of files does not matter.

    Args:
        source: The fingerprint of a live model, or the files of an artifact with paths relative to its own folder.
        signature: Inputs and outputs of the source.
        examples: As `examples_digest` made it.
        tool: Class path and options, JSON-ready.
        versions: As `tool_versions` made it.
        device: As `device_facts` made it.
    """
    files = None if isinstance(source, str) else sorted((file.path, file.sha256) for file in source)
    parts = {
        "layout": _LAYOUT,
        "live": source if isinstance(source, str) else None,
        "files": files,
        "signature": attrs.asdict(signature),
        "examples": examples,
        "tool": tool,
        "versions": dict(versions),
        "device": dict(device),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def examples_digest(examples: Iterable[Tensors]) -> str:
    """Return a text that changes with names, dtypes, shapes and contents of the examples that a tool is given."""
    digest = hashlib.sha256()
    for feeds in examples:
        for name in sorted(feeds):
            array = np.asarray(feeds[name])
            digest.update(f"{name!r} {array.dtype.name} {array.shape}\n".encode())
            # An array of objects holds addresses, so its texts are taken.
            content = repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes()
            digest.update(content)
        digest.update(b"\n")
    return digest.hexdigest()


def device_facts(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what an artifact may be tied to: processor, Python, and the GPU where a plugin names one.

    Args:
        environment: Facts as `navcore.environment` and the plugins' `nav_environment` give them; those that begin
            with `cuda.` or `gpu.` count, and `cpu.name`.
    """
    gpu = {name: value for name, value in environment.items() if name.startswith(("cuda.", "gpu."))}
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": environment.get("cpu.name", "") or platform.processor(),
        "instructions": instructions(),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        **gpu,
    }


def tool_versions(tool: Tool) -> dict[str, str] | None:
    """Return the versions that decide what a tool makes, or None where its code cannot be found.

    These are navcore, the distributions that provide the tool's class and those it inherits from, what they require
    (`absent` where an optional requirement is not installed), and the SHA-256 of the packages' own source, because a
    plugin that is being written changes without its version.
    """
    versions = _distribution_versions("navcore", requirements=False)
    packages = {kind.__module__.partition(".")[0] for kind in type(tool).__mro__}
    for package in sorted(packages - sys.stdlib_module_names - _NOT_TOOLS):
        source = _source_digest(package)
        if source is None:
            return None
        versions[f"{package} source"] = source
        for distribution in _distributions(package):
            versions.update(_distribution_versions(distribution, requirements=True))
    return versions


@functools.cache
def instructions() -> str:
    """Return a digest of the processor's instruction sets: virtual machines hide its model, as in `AMD EPYC`."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            line = next(line for line in file if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        return ""
    return hashlib.sha256(" ".join(sorted(line.split())).encode()).hexdigest()


# Cached: what was imported stays what it is, whatever is installed or edited while the process runs.
@functools.cache
def _source_digest(package: str) -> str | None:
    """Return the SHA-256 of a package's or module's Python files; None where it has none."""
    file = getattr(sys.modules.get(package), "__file__", None)
    if file is None or not Path(file).is_file():
        return None
    path = Path(file)
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    digest = hashlib.sha256()
    for each in files:
        content = each.read_bytes()
        digest.update(f"{each.relative_to(path.parent).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


@functools.cache
def _distributions(package: str) -> tuple[str, ...]:
    """Return the distributions that provide a package; its entry point tells where an editable install does not."""
    from importlib.metadata import entry_points, packages_distributions

    named = {
        entry_point.dist.name
        for entry_point in entry_points(group=GROUP)
        if entry_point.dist is not None and entry_point.module.partition(".")[0] == package
    }
    return tuple(sorted(named or packages_distributions().get(package, [])))


def _distribution_versions(distribution: str, *, requirements: bool) -> dict[str, str]:
    names = (distribution, *(_requirements(distribution) if requirements else ()))
    return {name: _version(name) for name in names}


def _requirements(distribution: str) -> Iterator[str]:
    from importlib.metadata import PackageNotFoundError, requires

    try:
        texts = requires(distribution) or []
    except PackageNotFoundError:
        return
    for text in texts:
        if found := _NAME.match(text):
            yield re.sub(r"[-_.]+", "-", found[0]).lower()


@functools.cache
def _version(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return "absent"

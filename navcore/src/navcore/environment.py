"""Facts about the machine and the versions in use, which results depend on."""

from __future__ import annotations

import os
import platform

from navcore.registry import Registry
from navcore.store.cache_key import instructions

__all__ = ["environment"]


def environment(registry: Registry) -> tuple[tuple[str, str], ...]:
    """Return facts as (name, value) pairs sorted by name; a plugin that fails to give its own says so."""
    from importlib.metadata import version

    import psutil

    facts = {
        "cpu.name": _cpu_name(),
        "cpu.instructions": instructions() or "unknown",
        "cpu.machine": platform.machine() or "unknown",
        "cpu.cores": str(psutil.cpu_count(logical=False) or "unknown"),
        "cpu.threads": str(os.cpu_count() or "unknown"),
        "cpu.usable": str(len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else "unknown",
        "memory.bytes": str(psutil.virtual_memory().total),
        "os": platform.platform(),
        "python": platform.python_version(),
        "navcore": version("navcore"),
        "numpy": version("numpy"),
    }
    for plugin in registry.plugins:
        facts[f"plugin.{plugin.name}"] = plugin.version
        try:
            facts.update({str(name): str(value) for name, value in plugin.environment().items()})
        except Exception as error:  # a stranger's hook may raise anything
            facts[f"plugin.{plugin.name}.environment"] = f"failed: {type(error).__name__}: {error}"
    return tuple(sorted(facts.items()))


def _cpu_name() -> str:
    """Return the processor's name: platform.processor() is empty or just the architecture on Linux."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = (line for line in file if line.startswith("model name"))
            return next(lines).partition(":")[2].strip()
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
